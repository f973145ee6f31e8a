"""Running statistics computed afresh, for the network as it is now."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from edgebench.errors import ModelError


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the running mean and variance of every `BatchNorm2d` by those of `batches`.

    Each is the mean over batches, weighted by their images, of the batch's mean and biased variance; meanwhile each
    normalisation uses the statistics of the batch itself, as in training, and dropout is off (`reset_bn` in the code of
    NetAug's authors). Channels that are not in use keep their statistics. Afterwards modes are as before.

    Args:
        network: an ordinary one, or an augmented one with its active sub-network.
        batches: images [N, C, H, W], in any order and of any sizes.

    Raises:
        ModelError: there is no batch, or a normalisation keeps no statistics; nothing was changed then.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [(tensor, tensor.clone()) for norm in norms for tensor in _statistics(norm)]
    modes = {module: module.training for module in network.modules()}
    averages = {norm: _Average() for norm in norms}
    hooks = [norm.register_forward_pre_hook(average.take) for norm, average in averages.items()]
    try:
        for module in modes:
            module.training = False
        for images in batches:
            network(images)
        if not any(average.images for average in averages.values()):
            raise ModelError("no images to compute statistics from", expected="at least one batch")
        for norm, average in averages.items():
            average.write(norm)
    except BaseException:
        for tensor, old in before:
            tensor.copy_(old)
        raise
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode


class _Average:
    """Mean and variance of one normalisation's inputs, averaged over `images` so far."""

    def __init__(self) -> None:
        self.images = 0
        self._values: tuple[Tensor, Tensor] | None = None

    def take(self, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """As a hook before the normalisation: has it use this batch's statistics."""
        maps = inputs[0]
        var, mean = torch.var_mean(
            maps.to(torch.promote_types(maps.dtype, torch.float32)), dim=(0, 2, 3), correction=0
        )
        _write(norm, (mean, var))
        self.images += len(maps)
        if self._values is None:
            self._values = (mean, var)
            return
        for average, new in zip(self._values, (mean, var), strict=True):
            average += (new - average) * (len(maps) / self.images)

    def write(self, norm: nn.Module) -> None:
        if self._values is not None:
            _write(norm, self._values)


def _write(norm: nn.Module, values: tuple[Tensor, Tensor]) -> None:
    for stored, new in zip(_statistics(norm), values, strict=True):
        stored[: len(new)] = new


def _statistics(norm: nn.Module) -> tuple[Tensor, Tensor]:
    mean, var = norm.running_mean, norm.running_var
    if not isinstance(mean, Tensor) or not isinstance(var, Tensor):
        raise ModelError(f"{type(norm).__name__} keeps no statistics", expected="running mean and variance")
    return mean, var
