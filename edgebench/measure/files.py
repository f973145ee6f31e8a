"""How many bytes a network takes on a disk: it is really written, in several formats (trials of kind `file`).

The numbers in a file are given by the network; what stands around them (names and shapes of tensors, a graph, padding)
is the libraries' and may change with their versions. Which weights they are matters to int8 alone, whose zero points
take a byte more or less.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from edgebench.claim.settings import FileSettings, OptimiserSettings, QuantiseSettings
from edgebench.errors import SettingsError
from edgebench.methods.quantise import int8, onnx_file
from edgebench.models import registry
from edgebench.run.record import Measured
from edgebench.train.optimiser import build_optimiser

_NADAM = OptimiserSettings(name="nadam", lr=0.001)
# Torch writes a file's name, without its suffix, before every tensor in it.
_STEM = "model"


def run_files(settings: FileSettings, seed: int) -> Measured:
    """Build the network, let the optimiser make one step, write everything, and measure the files.

    Metrics, in bytes: `model_bytes`, `checkpoint_bytes`, the numbers alone; `bytes.safetensors`, `bytes.torch`,
    `bytes.onnx`, `bytes.onnx_int8`, files of the network; `bytes.checkpoint`, a file with the optimiser's state too.
    And `params`.

    Raises:
        SettingsError: the model's options or the input's shape are impossible, it is no classifier, or the optimiser's
            options are not its own.
        ModelError: the network cannot be built, exported or quantised.
    """
    if len(settings.input) != 4:
        raise SettingsError(
            f"input has {len(settings.input)} dimensions", expected="4: batch, channels, height, width"
        )
    if registry.is_block(settings.model.name):
        raise SettingsError(
            f"'{settings.model.name}' is a part of a network",
            expected="a classifier, which files are made of",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = registry.build(
            settings.model,
            in_channels=settings.input[1],
            classes=settings.classes or 1000,
            size=(settings.input[2], settings.input[3]),
        ).eval()
        images = torch.randn(settings.input)
    optimiser = build_optimiser(settings.optimiser or _NADAM, model)
    # In evaluation mode, so that a batch of one image will do; which gradients they are changes no size.
    model(images).square().mean().backward()
    optimiser.step()
    kept = model.state_dict()
    state = [value for each in optimiser.state.values() for value in each.values()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _STEM
        sizes = {
            "safetensors": _saved(kept, path),
            "torch": _pickled(kept, path),
            "checkpoint": _pickled({"model": kept, "optimiser": optimiser.state_dict()}, path),
            "onnx": _written(onnx_file(model, images), path),
            "onnx_int8": _written(int8(model, images, QuantiseSettings(name="int8")).content, path),
        }
    return Measured(
        {
            "params": float(sum(each.numel() for each in model.parameters())),
            "model_bytes": float(_bytes(kept.values())),
            "checkpoint_bytes": float(_bytes((*kept.values(), *state))),
            **{f"bytes.{name}": float(size) for name, size in sizes.items()},
        }
    )


def _bytes(tensors: Iterable[Any]) -> int:
    """Bytes of the tensors; SGD without momentum keeps a None."""
    return sum(each.numel() * each.element_size() for each in tensors if isinstance(each, Tensor))


def _saved(tensors: dict[str, Tensor], path: Path) -> int:
    save_file(tensors, path)
    return path.stat().st_size


def _pickled(content: dict[str, Any], path: Path) -> int:
    torch.save(content, path)
    return path.stat().st_size


def _written(content: bytes, path: Path) -> int:
    path.write_bytes(content)
    return path.stat().st_size
