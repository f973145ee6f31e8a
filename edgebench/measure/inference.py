"""What inference with a network costs: multiply-accumulates of one image, and bytes as stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgebench.measure.profile.rules import GATE_RULES, RULES, Call


def inference_costs(model: nn.Module, shape: Sequence[int]) -> dict[str, float]:
    """The metrics of a network in evaluation mode that a training records; it is run on one image.

    Args:
        model: stays as it is.
        shape: of an image, (C, H, W).

    Returns:
        `model_bytes`: parameters and buffers as stored. `macs`: multiply-accumulates of convolutions and linear
        layers for one image, as in a profile (`rules`); left out where a layer with weights has no counting rule.
    """
    stored = (*model.parameters(), *model.buffers())
    costs = {"model_bytes": float(sum(each.numel() * each.element_size() for each in stored))}
    if (macs := _macs(model, shape)) is not None:
        costs["macs"] = float(macs)
    return costs


def _macs(model: nn.Module, shape: Sequence[int]) -> int | None:
    # A layer frozen to 8 bits has buffers alone.
    weighted = [
        module
        for module in model.modules()
        if any(True for _ in (*module.parameters(recurse=False), *module.buffers(recurse=False)))
    ]
    if any(type(module) not in RULES and type(module) not in GATE_RULES for module in weighted):
        return None
    total = 0

    def count(module: nn.Module, arguments: tuple[Any, ...], out: Tensor) -> None:
        nonlocal total
        total += RULES[type(module)](Call(module, arguments[0], out, input_grad=False, in_gate=False)).macs

    handles = [module.register_forward_hook(count) for module in weighted if _multiplies(module)]
    modes = [(module, module.training) for module in model.modules()]
    device = next((each.device for each in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    try:
        # One image really: on torch's `meta` device a normalisation takes longer than here.
        with torch.inference_mode():
            model.eval()(torch.zeros((1, *shape), device=device))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    return total


def _multiplies(module: nn.Module) -> bool:
    return type(module) in RULES and isinstance(module, nn.Conv2d | nn.Linear)
