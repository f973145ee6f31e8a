"""What a trial returned: measurements, or the named way in which it failed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from edgebench.claim.metrics import ADDED
from edgebench.run.trial import ARTEFACT


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

    def has(self, wanted: frozenset[str]) -> bool:
        """Whether it has what a trial wants of it (`Trial.wanted`).

        A training that diverged has no weights. A metric that this version could not measure is not asked for again.
        """
        if self.measured is None:
            return not wanted
        artefact = self.measured.artefact is not None or self.measured.artefact_digest is not None
        older = self.measured.metrics.keys().isdisjoint(ADDED)
        return (ARTEFACT not in wanted or artefact or self.measured.diverged) and not (
            wanted & ADDED and older
        )


def inherited(record: Record, training: Measured) -> Record:
    """The record of a quantised network with what its training measured: all that it did not measure itself."""
    if record.measured is None:
        return record
    metrics = {**training.metrics, **record.measured.metrics}
    return replace(record, measured=replace(record.measured, metrics=metrics, curves=training.curves))


def never_quantised(trial: str, training: Record) -> Record:
    """The record of a trial whose training diverged: there is nothing to quantise, and that is its outcome."""
    assert training.measured is not None
    # As many bytes as it would have had, nobody knows.
    metrics = {name: value for name, value in training.measured.metrics.items() if name != "model_bytes"}
    measured = Measured(metrics, training.measured.curves, diverged=True)
    return Record(trial, Status.diverged, measured, 0.0, "", training.environment)
