"""What a trial returned: measurements, or the named way in which it failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """How a trial ended. `ok` and `diverged` are outcomes; the others are failures and never serve as results.

    `lost` alone is no fault of the trial's: the machine or the process under it was taken away.
    """

    ok = "ok"
    diverged = "diverged"
    error = "error"
    crashed = "crashed"
    out_of_memory = "out_of_memory"
    timed_out = "timed_out"
    lost = "lost"

    @property
    def is_outcome(self) -> bool:
        return self in (Status.ok, Status.diverged)


@dataclass(frozen=True)
class Measured:
    """What running a trial yields.

    Attributes:
        metrics: scalars by name, units as in `edgebench.claim.metrics`.
        curves: one value per epoch, by name (`val_top1`).
        correct: per-example correctness on the test split, packed eight to a byte, first example in the highest bit.
        diverged: the loss became NaN or infinite; what could not be measured is then missing, and judged as the worst
            value (`edgebench.claim.metrics`).
        how: choices that were made for speed, with what they rest on; no part of the result. They end up in the state
            part of the record's environment.
        artefact: trained weights, in the safetensors format, of a trial that keeps them; only on the way to the store.
        artefact_digest: their SHA-256 (hex), by which the store has them.
    """

    metrics: dict[str, float]
    curves: dict[str, tuple[float, ...]] = field(default_factory=dict)
    correct: bytes | None = None
    diverged: bool = False
    how: dict[str, str | int | float] = field(default_factory=dict)
    artefact: bytes | None = None
    artefact_digest: str | None = None


@dataclass(frozen=True)
class Record:
    """A finished trial as stored.

    Attributes:
        trial: the trial's content hash.
        status: how it ended.
        measured: None exactly when the trial failed.
        seconds: wall-clock time of the trial in its process.
        message: what went wrong, for a failed trial.
        environment: identity and state of the machine that ran it.
    """

    trial: str
    status: Status
    measured: Measured | None
    seconds: float
    message: str = ""
    environment: dict[str, object] = field(default_factory=dict)
