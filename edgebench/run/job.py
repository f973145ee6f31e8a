"""One trial of a run: how far it is, and under which limits it runs."""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.run.record import Measured, Record
from edgebench.run.trial import Trial


@dataclass
class Job:
    """A trial that some case needs.

    Attributes:
        timeout, memory: its limits, in seconds and GiB; the widest of those that its claims give.
        record: how it ended, None while it has not.
        cached: the record came from the store.
        lost: how often it was lost.
        widened: it failed by a limit that another claim then widened.
        training: what the training of the network measured that it quantises, from when it was started.
        ask: when to ask again for a trial that another process runs (`time.monotonic`).
    """

    trial: Trial
    timeout: float | None
    memory: float | None
    record: Record | None = None
    running: bool = False
    cached: bool = False
    lost: int = 0
    widened: bool = False
    training: Measured | None = None
    ask: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it is still to be started, by this process or another."""
        return self.record is None and not self.running


@dataclass(frozen=True)
class Progress:
    """A snapshot for progress displays; counts are of trials."""

    running: tuple[str, ...]
    cached: int
    finished: int
    waiting: int


def wider(one: float | None, other: float | None, default: float) -> float | None:
    """The wider of two limits; None stands for the default."""
    return None if one is None and other is None else max(one or default, other or default)
