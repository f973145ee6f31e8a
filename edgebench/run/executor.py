"""What a session asks of an executor: start trials, say which ended, give up the rest.

`edgebench.run.local` runs them on this machine, `edgebench.run.ray_executor` on a Ray cluster. Both return the same
records for the same trials; the session alone writes them to the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edgebench.run.record import Record
from edgebench.run.trial import Trial

DEFAULT_TIMEOUT = 3600.0  # seconds
DEFAULT_MEMORY = 6.0  # GiB
TOGETHER = 20  # seeds of one arm that a GPU is offered at once: as many as the last of the usual looks has


class Executor(Protocol):
    """Runs trials, several at a time.

    A trial that ends badly yields a record with a named status; no method raises for it. `Status.lost` is kept for
    faults that are not the trial's (its machine or worker was taken away): only such trials may be tried again.
    """

    @property
    def identity(self) -> Mapping[str, str | int]:
        """`environment.identity()` of the machines that run the trials; one for all of them."""

    @property
    def together(self) -> int:
        """How many seeds of one arm may be trained by one program: 1, and more only on a GPU."""

    @property
    def free(self) -> int:
        """How many more submissions can be started now."""

    @property
    def running(self) -> list[Trial]:
        """The trials that were started and have not ended."""

    def submit(
        self,
        trials: tuple[Trial, ...],
        timeout: float | None = None,
        memory: float | None = None,
        start: bytes | None = None,
    ) -> None:
        """Start a trial, or several seeds of one arm in one process.

        Args:
            timeout, memory: seconds a trial, GiB.
            start: the artefact of the trial that they need (`Trial.needs`).
        """

    def wait(self, seconds: float) -> list[tuple[Trial, Record]]:
        """Trials that ended, waiting up to `seconds` for the first."""

    def close(self) -> list[Trial]:
        """Stop whatever still runs; returns the trials that were cut off."""
