"""Putting batch normalisation back into a network that was stored with it folded into the convolutions' biases.

The stored network computes z = w * x + b. Its normalisation gets the mean m and variance v that w * x has on
calibration images as running statistics, √(v + ε) as scale and m + b as shift: then it gives w * x + b, whatever m
and v are. They decide only how the network trains on, since in training mode they are replaced by the batch's.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from edgebench.errors import ModelError
from edgebench.models.mobile import MobileNet
from edgebench.models.tensors import fill, without

_CHUNK = 32


def unfold(model: MobileNet, tensors: dict[str, Tensor], calibration: Tensor | None, where: str) -> None:
    """Fill a network with folded weights, all but the classifier, so that in eval mode it computes the same.

    Args:
        model: of the checkpoint's shape; changed in place.
        tensors: `first_conv` and `blocks.N.STAGE`, each with `weight` and `bias`; `classifier`, which is left out.
        calibration: images [N, C, H, W], normalised; None: `synthetic_images`.
        where: for error messages.

    Raises:
        ModelError, DataError: the tensors do not fit, or are not finite.
    """
    stages = _stages(model)
    shifts = {f"{name}.bias": stage.bn.bias for name, stage in stages.items()}
    weights = {f"{name}.weight": stage.conv.weight for name, stage in stages.items()}
    fill({**weights, **shifts}, without(tensors, "classifier"), where)
    normalisations: list[nn.BatchNorm2d] = [stage.bn for stage in stages.values()]
    images = synthetic_images(model.stem.conv.in_channels) if calibration is None else calibration
    _calibrate(model, normalisations, images)


def _stages(model: MobileNet) -> dict[str, nn.Module]:
    """Each convolution with its normalisation, by the name that it has in the file."""
    stages: dict[str, nn.Module] = {"first_conv": model.stem}
    for index, block in enumerate(model.blocks):
        for name in ("expand", "depthwise", "project"):
            stage = getattr(block, name)
            if stage is not None:
                stages[f"blocks.{index}.{name}"] = stage
    if model.mix is not None:
        raise ModelError("folded weights with a feature mix are not known", where="mix")
    return stages


def _calibrate(model: nn.Module, normalisations: list[nn.BatchNorm2d], images: Tensor) -> None:
    """Set the statistics of normalisations that carry only a shift so far, and scale and shift to match."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    seen: dict[nn.Module, list[tuple[Tensor, Tensor, int]]] = {bn: [] for bn in normalisations}

    def note(bn: nn.Module, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        seen[bn].append((mean.double(), variance.double(), len(inputs[0])))

    for bn in normalisations:
        nn.init.zeros_(bn.running_mean)
        nn.init.ones_(bn.running_var)
        nn.init.constant_(bn.weight, math.sqrt(1 + bn.eps))
    handles = [bn.register_forward_pre_hook(note) for bn in normalisations]
    try:
        with torch.no_grad():
            for chunk in images.split(_CHUNK):
                model(chunk)
            for bn in normalisations:
                _set(bn, seen[bn])
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode


def _set(bn: nn.BatchNorm2d, parts: list[tuple[Tensor, Tensor, int]]) -> None:
    total = sum(count for _, _, count in parts)
    mean = sum((part * (count / total) for part, _, count in parts), torch.zeros(()))
    spread = sum(
        ((var + (part - mean) ** 2) * (count / total) for part, var, count in parts), torch.zeros(())
    )
    bn.running_mean.copy_(mean)
    bn.running_var.copy_(spread)
    bn.weight.copy_((bn.running_var.double() + bn.eps).sqrt())
    bn.bias.add_(bn.running_mean)


def synthetic_images(channels: int, count: int = 64, side: int = 128) -> Tensor:
    """Smooth coloured noise [count, channels, side, side] within [-1, 1], always the same.

    Octaves of equal energy, like photographs, most of it common to all channels.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(count, channels, side, side)
    size = 1
    while size <= side:
        noise = torch.randn(count, channels + 1, size, size, generator=generator)
        noise = noise[:, :1] + 0.3 * noise[:, 1:]
        images += interpolate(noise, (side, side), mode="bilinear", align_corners=False)
        size *= 2
    return (images * (0.5 / images.std())).clamp(-1, 1)
