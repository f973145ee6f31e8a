"""Scores of a network, and early stopping by them: when a stage of a training ends, with which epoch's weights."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from edgebench.claim.optimisation import StopSettings


@dataclass(frozen=True)
class Score:
    """How a network does on a set of images: mean cross-entropy in nats, and which images it gets right (bool [N])."""

    loss: float
    correct: Tensor

    @property
    def top1(self) -> float:
        """Accuracy in per cent."""
        return 100.0 * int(self.correct.sum()) / len(self.correct)


class EarlyStopping:
    """Watches the scores on the validation images; training stops after `patience` epochs without a new best.

    Args:
        settings: None: it never stops, and the last epoch is kept.
    """

    def __init__(self, settings: StopSettings | None) -> None:
        self._settings = settings
        self._best: float | None = None
        self._state: dict[str, Tensor] = {}
        self._since = 0

    def stops(self, model: nn.Module, score: Score) -> bool:
        """Note an epoch's score, and say whether it is the last epoch."""
        if self._settings is None:
            return False
        value = -score.loss if self._settings.metric == "val_loss" else score.top1
        if self._best is None or value > self._best:
            self._best, self._since = value, 0
            if self._settings.keep == "best":
                self._state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        else:
            self._since += 1
        return self._since >= self._settings.patience

    def finish(self, model: nn.Module) -> int:
        """Give the network the weights that are kept; returns how many epochs ago they were."""
        if self._settings is None or self._settings.keep == "last":
            return 0
        model.load_state_dict(self._state)
        return self._since
