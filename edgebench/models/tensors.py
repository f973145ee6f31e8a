"""Named tensors: reading them strictly from a file's bytes, and putting them into a network.

A network's classifier is its last linear layer (in a network that has none, its last convolution). It belongs to the
classes of the data, so stored weights never fill it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from edgebench.errors import DataError, ModelError

_SHOWN = 3


def read(content: bytes, where: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a .safetensors file.

    Raises:
        DataError: another format, or damaged.
    """
    if content[8:9] != b"{":
        known = {b"\x80": "a Python pickle", b"PK": "a zip archive, as torch.save writes"}
        what = next((name for magic, name in known.items() if content.startswith(magic)), "something else")
        raise DataError(
            f"this is {what}, not safetensors",
            expected="a .safetensors file",
            where=where,
            hint="pickled weights can run code when they are read; convert them with safetensors.torch.save_file",
        )
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(
            f"cannot be read ({error})", expected="a whole .safetensors file", where=where
        ) from error
    return tensors, _header(content).get("__metadata__") or {}


def write(tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> bytes:
    """A .safetensors file, the same bytes for the same content."""
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    # safetensors writes metadata in an order that differs between runs.
    header = json.dumps({"__metadata__": metadata, **_header(content)}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[_start(content) :]


def _start(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def _header(content: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(content[8 : _start(content)])
    return header


def read_pickled(content: bytes, where: str) -> dict[str, Tensor]:
    """The tensors of a .pth file; nothing but tensors is unpickled.

    Raises:
        DataError: damaged, or something besides tensors.
    """
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load lets through whatever zipfile and its own unpickler raise
        raise DataError(f"cannot be read ({error})", expected="a file of tensors", where=where) from error
    if not isinstance(state, dict) or not all(isinstance(each, Tensor) for each in state.values()):
        raise DataError("holds something besides tensors", expected="named tensors", where=where)
    return {str(name): tensor for name, tensor in state.items()}


def classifier_path(model: nn.Module) -> str:
    """The dotted path of the classifier; empty if the whole model is one layer.

    Raises:
        ModelError: the model has neither linear layers nor convolutions.
    """
    for kind in (nn.Linear, nn.Conv2d):
        paths: list[str] = [path for path, module in model.named_modules() if isinstance(module, kind)]
        if paths:
            return paths[-1]
    raise ModelError("has no layer that could be the classifier", where=type(model).__name__)


def fill(target: Mapping[str, Tensor], tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy every tensor onto the one of the same name, in place.

    Raises:
        ModelError: names, shapes or types differ.
        DataError: values that are not finite.
    """
    for found, others, what in ((target, tensors, "lacks"), (tensors, target, "has, and the model has not,")):
        missing = [name for name in found if name not in others]
        if missing:
            more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise ModelError(
                f"it {what} {', '.join(missing[:_SHOWN])}{more}",
                expected="the weights of this model, all of them and no others",
                where=where,
            )
    for name, tensor in tensors.items():
        wanted = target[name]
        if tensor.shape != wanted.shape or tensor.dtype != wanted.dtype:
            raise ModelError(
                f"'{name}' is {tensor.dtype} of shape {list(tensor.shape)}",
                expected=f"{wanted.dtype} of shape {list(wanted.shape)}, as in the model",
                where=where,
            )
        if not tensor.isfinite().all():
            raise DataError(f"'{name}' has values that are not finite", expected="numbers", where=where)
    with torch.no_grad():
        for name, tensor in tensors.items():
            target[name].copy_(tensor)


def without(tensors: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The tensors that are not below a module's dotted path."""
    return {name: tensor for name, tensor in tensors.items() if not f".{name}".startswith(f".{path}.")}
