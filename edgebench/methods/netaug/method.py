"""NetAug as a training method: two passes a step, statistics of its own before every evaluation, a plain network after.

What this adds to `network` is when things happen in a training of the harness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

from edgebench.claim.settings import NetAugSettings
from edgebench.methods.hooks import Method
from edgebench.methods.netaug.network import Augmented, augment


class NetAug(Method):
    """NetAug (Cai et al., ICLR 2022), equations 1 and 2.

    Args:
        settings: factors, α.
        calibration: batches of training images, the same each time that it is called.
        initial: draws the weights that the base does not have.
        drawn: draws the sub-networks.
    """

    def __init__(
        self,
        settings: NetAugSettings,
        calibration: Callable[[], Iterable[Tensor]],
        initial: torch.Generator,
        drawn: torch.Generator,
    ) -> None:
        self._settings = settings
        self._calibration = calibration
        self._initial, self._drawn = initial, drawn

    def wrap(self, model: nn.Module) -> nn.Module:
        return augment(model, self._settings.width, self._settings.expand, self._initial)

    def before_epoch(self, model: nn.Module, epoch: int, epochs: int) -> None:
        # With the base alone no other channel learns anything for which it could take the place of one of the base's.
        if self._settings.alpha:
            _augmented(model).start_epoch(epoch, epochs)

    def passes(self, model: nn.Module) -> Iterable[float]:
        return _augmented(model).passes(self._settings.alpha, self._drawn)

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        _augmented(model).recalibrate(self._calibration())

    def finished(self, model: nn.Module) -> nn.Module:
        return _augmented(model).export()

    def abandoned(self, model: nn.Module) -> nn.Module:
        net = _augmented(model)
        return net.extract(net.dials.base())


def _augmented(model: nn.Module) -> Augmented:
    return cast("Augmented", model)
