"""Folded checkpoints for tests: small made-up ones, and the real ones where `EDGEBENCH_DATA` has them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import conv2d

from edgebench.models.irb import InvertedResidual
from edgebench.models.mobile import MobileNet
from edgebench.models.weights import NAMED

# Read when tests are collected: while they run, the variable is not set (tests/conftest.py).
REAL = Path(os.environ.get("EDGEBENCH_DATA", "/nowhere"))
needs_real = pytest.mark.skipif(
    not all((REAL / "weights" / f"{name}.safetensors").is_file() for name in NAMED),
    reason="EDGEBENCH_DATA does not hold the pretrained weights",
)


def folded_tensors(model: MobileNet, seed: int = 0) -> dict[str, Tensor]:
    """Random folded weights for a network, of such sizes that maps keep their scale; with a 1000-class head."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            name = "first_conv" if path == "stem.conv" else path.removesuffix(".conv")
            weight = torch.randn(module.weight.shape, generator=generator)
            tensors[f"{name}.weight"] = weight * (1.5 / weight[0].numel()) ** 0.5
            tensors[f"{name}.bias"] = 0.3 * torch.randn(module.out_channels, generator=generator)
    features = model.classifier.in_features
    tensors["classifier.weight"] = torch.zeros(1000, features, 1, 1)
    tensors["classifier.bias"] = torch.zeros(1000)
    return tensors


def write(path: Path, tensors: dict[str, Tensor], name: str) -> Path:
    """The checkpoint as a file with its JSON beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    about = {"model": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


def folded_features(model: MobileNet, tensors: dict[str, Tensor], x: Tensor) -> Tensor:
    """Pooled features [N, C] of the folded network, computed without normalisations; only its shape is `model`'s."""

    def stage(name: str, conv: Any, x: Tensor, *, linear: bool = False) -> Tensor:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        out = conv2d(x, weight, bias, conv.stride, conv.padding, 1, conv.groups)
        return out if linear else out.clamp(0, 6)

    x = stage("first_conv", model.stem.conv, x)
    for index, block in enumerate(model.blocks):
        assert isinstance(block, InvertedResidual)
        out = x
        for name in ("expand", "depthwise", "project"):
            part = getattr(block, name)
            if part is not None:
                out = stage(f"blocks.{index}.{name}", part.conv, out, linear=name == "project")
        x = x + out if block.shortcut else out
    return x.mean((2, 3))


def real(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A real checkpoint: its tensors and its JSON."""
    path = REAL / "weights" / f"{name}.safetensors"
    return load_file(path), json.loads(path.with_suffix(".json").read_text())
