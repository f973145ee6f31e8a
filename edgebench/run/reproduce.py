"""Runs a trial again, in processes that share nothing, and says what of their records is not the same bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgebench.claim.claim import Tier
from edgebench.claim.metrics import METRICS, unit
from edgebench.claim.settings import Kind, TrainSettings
from edgebench.errors import TrialError
from edgebench.run import environment
from edgebench.run.local import LocalExecutor
from edgebench.run.record import Measured, Record
from edgebench.run.store import Store
from edgebench.run.trial import ARTEFACT, Trial

_TIMES = ("s", "ms")
_POLL = 1.0  # seconds


@dataclass(frozen=True)
class Compared:
    """Two records of one trial.

    Attributes:
        equal: what is the same bit for bit: `14 metrics`, `the weights (SHA-256 1f…)`.
        differing: what is not, as sentences.
    """

    equal: tuple[str, ...]
    differing: tuple[str, ...]


@dataclass(frozen=True)
class Repeated:
    """A trial that was run more than once.

    Attributes:
        records: in the order of the runs.
        starts: where the weights came from that it starts from, or learns from; None when it needs none.
    """

    trial: Trial
    records: tuple[Record, ...]
    starts: str | None


def repeat(trial: Trial, tier: Tier, store: Store | None, *, times: int = 2, device: str = "cpu") -> Repeated:
    """Run a trial, each time in a new interpreter; what the store has of it is not looked at.

    Args:
        tier: gives its limits.
        store: has weights of another trial that this one may need; they are trained once when it has not.

    Raises:
        TrialError: a run that failed.
        SettingsError: the device cannot be had.
        StoreError: the store cannot be read, or its weights are damaged.
    """
    start, origin = _start(trial, tier, store, device)
    if isinstance(trial.settings, TrainSettings) and not trial.quantises:
        trial = trial.wanting([ARTEFACT])
    records = [_run(trial, tier, device, start) for _ in range(times)]
    return Repeated(trial, tuple(records), origin)


def _start(trial: Trial, tier: Tier, store: Store | None, device: str) -> tuple[bytes | None, str | None]:
    """The weights that a trial needs, and where they came from."""
    needs = trial.needs
    if needs is None:
        return None, None
    if store is not None:
        key = environment.identity_key(environment.identity(device))
        record = store.get(needs.hash, key, frozenset({ARTEFACT}))
        if record is not None and record.measured is not None and record.measured.artefact_digest is not None:
            digest = record.measured.artefact_digest
            return store.artefacts.get(digest), f"{needs.describe()}, of the store (SHA-256 {digest[:16]})"
    earlier, _ = _start(needs, tier, store, device)
    record = _run(needs.wanting([ARTEFACT]), tier, device, earlier)
    if record.measured is None or record.measured.artefact is None:
        raise TrialError(f"{needs.describe()} left no weights: it {record.status}")
    return record.measured.artefact, f"{needs.describe()}, trained for this"


def _run(trial: Trial, tier: Tier, device: str, start: bytes | None) -> Record:
    executor = LocalExecutor(1, device, fresh=True)
    try:
        executor.submit((trial,), tier.timeout, tier.memory, start)
        while not (ended := executor.wait(_POLL)):
            pass
    finally:
        executor.close()
    ((_, record),) = ended
    if not record.status.is_outcome:
        raise TrialError(f"{trial.describe()}: {record.status}: {record.message}")
    return record


def compare(
    kind: Kind, a: Record, b: Record, names: Sequence[str] = ("first", "second"), *, stored: bool = False
) -> Compared:
    """Hold two records of a trial against each other; times are left aside.

    Args:
        names: of the two records, for the sentences.
        stored: the second is of the store. What it lacks is then not compared: weights that were not kept, metrics that
            an older version did not measure. What it has more, a quantised network's record has of its training.
    """
    assert a.measured is not None, "repeated and stored records are outcomes"
    assert b.measured is not None, "repeated and stored records are outcomes"
    one, other = a.measured, b.measured
    equal: list[str] = []
    differing: list[str] = []
    if a.status is not b.status:
        differing.append(f"the {names[0]} is {a.status}, the {names[1]} {b.status}")
    for what, mine, theirs in (
        ("metric", _exact(kind, one), _exact(kind, other)),
        ("curve", one.curves, other.curves),
    ):
        unlike = list(_unlike(what, mine, theirs, names))
        if not stored and (alone := mine.keys() ^ theirs.keys()):
            unlike.append(f"{what}s that only one of the two has: {', '.join(sorted(alone))}")
        differing += unlike
        if not unlike and (shared := mine.keys() & theirs.keys()):
            equal.append(f"{len(shared)} {what}{'' if len(shared) == 1 else 's'}")
    for what, left, right in (
        ("correctness of each test image", one.correct, other.correct),
        ("weights", weights_of(one), weights_of(other)),
    ):
        if left is None or right is None:
            continue
        shown = f" (SHA-256 {left[:16]})" if isinstance(left, str) else ""
        if left == right:
            equal.append(f"the {what}{shown}")
        else:
            differing.append(f"the {what}{shown} of the {names[0]} is not that of the {names[1]}")
    return Compared(tuple(equal), tuple(differing))


def is_time(kind: Kind, name: str) -> bool:
    """Whether a metric is a time, which no two runs have in common; `name` may have its arm before it."""
    name = name.rpartition("/")[2]
    return name in METRICS[kind] and unit(kind, name) in _TIMES


def weights_of(measured: Measured) -> str | None:
    """The SHA-256 of the trained weights; None where none were kept."""
    if measured.artefact is not None:
        return hashlib.sha256(measured.artefact).hexdigest()
    return measured.artefact_digest


def _exact(kind: Kind, measured: Measured) -> dict[str, float]:
    return {name: value for name, value in measured.metrics.items() if not is_time(kind, name)}


def _unlike(
    what: str, mine: Mapping[str, object], theirs: Mapping[str, object], names: Sequence[str]
) -> Iterator[str]:
    for name in sorted(mine.keys() & theirs.keys()):
        if repr(mine[name]) != repr(theirs[name]):  # which is exact, and tells -0.0 from 0.0
            yield f"{what} {name}: {_shown(mine[name])} in the {names[0]}, {_shown(theirs[name])} in the {names[1]}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
