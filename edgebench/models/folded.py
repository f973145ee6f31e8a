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
    target: dict[str, Tensor] = {}
    for name, (convolution, normalisation) in stages.items():
        target |= {f"{name}.weight": convolution.weight, f"{name}.bias": normalisation.bias}
    fill(target, without(tensors, "classifier"), where)
    normalisations = [normalisation for _, normalisation in stages.values()]
    images = synthetic_images(stages["first_conv"][0].in_channels) if calibration is None else calibration
    _calibrate(model, normalisations, images)


def _stages(model: MobileNet) -> dict[str, tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution with its normalisation, by the name that it has in the file."""
    stages: dict[str, tuple[nn.Conv2d, nn.BatchNorm2d]] = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            stage = path.removesuffix(".bn")
            convolution = model.get_submodule(f"{stage}.conv")
            assert isinstance(convolution, nn.Conv2d)
            stages["first_conv" if stage == "stem" else stage] = convolution, module
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
        bn.reset_running_stats()
        nn.init.constant_(bn.weight, math.sqrt(1 + bn.eps))
    handles = [bn.register_forward_pre_hook(note) for bn in normalisations]
    try:
        with torch.no_grad():
            for start in range(0, len(images), _CHUNK):
                model(images[start : start + _CHUNK])
            for bn in normalisations:
                _set(bn, seen[bn])
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode


def _set(bn: nn.BatchNorm2d, parts: list[tuple[Tensor, Tensor, int]]) -> None:
    counts = torch.tensor([count for _, _, count in parts], dtype=torch.float64)[:, None]
    means = torch.stack([mean for mean, _, _ in parts])
    variances = torch.stack([variance for _, variance, _ in parts])
    mean = (means * counts).sum(0) / counts.sum()
    variance = ((variances + (means - mean) ** 2) * counts).sum(0) / counts.sum()
    assert bn.running_mean is not None
    assert bn.running_var is not None
    bn.running_mean.copy_(mean)
    bn.running_var.copy_(variance)
    # From the rounded values, so that they cancel exactly in eval mode.
    bn.weight.copy_((bn.running_var.double() + bn.eps).sqrt())
    bn.bias.add_(bn.running_mean)


def synthetic_images(channels: int, count: int = 64, side: int = 128) -> Tensor:
    """Smooth coloured noise [count, channels, side, side] within [-1, 1], always the same.

    Neighbouring pixels correlate as in photographs (0.98), and most of the noise is common to all channels. Deep
    layers still see other statistics than with photographs: good for inference, a poor start for training in
    training mode, for which real images should be given.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(count, channels, side, side)
    size, amplitude = 1, 1.0
    while size <= side:
        noise = torch.randn(count, channels + 1, size, size, generator=generator)
        noise = amplitude * (noise[:, :1] + 0.6 * noise[:, 1:])
        images += interpolate(noise, (side, side), mode="bilinear", align_corners=False)
        size, amplitude = 2 * size, 0.75 * amplitude
    return (images * (0.5 / images.std())).clamp(-1, 1)
