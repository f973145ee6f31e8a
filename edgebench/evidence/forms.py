"""What the JSON members of a bundle hold; every model refuses unknown keys, NaN and anything of another type."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue

from edgebench.claim.fields import Strict, as_tuple
from edgebench.judge.verdict import Outcome, Subtype, Verdict

FORMAT = 1

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=20_000)]
Floats = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]
_Hashes = Annotated[tuple[Hash, ...], BeforeValidator(as_tuple)]


def _outcome(value: Any) -> Any:
    return Outcome(value) if isinstance(value, str) and value in list(Outcome) else value


def _subtype(value: Any) -> Any:
    return Subtype(value) if isinstance(value, str) and value in list(Subtype) else value


class Member(Strict):
    """A member of the bundle as the manifest has it."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Manifest(Strict):
    """`manifest.json`: what the bundle is of, and the SHA-256 of all of its members but itself and its own digest.

    Attributes:
        edgebench: the version that wrote it.
        commit: git commit of the claims; None when they were in no repository.
        dirty: files differed from it; None when it is not known.
        environment: of the machine that wrote it, versions of libraries among it.
    """

    format: int
    edgebench: Text
    commit: Text | None
    dirty: bool | None
    environment: dict[str, JsonValue]
    members: dict[str, Member]


class StatedVerdict(Strict):
    """A verdict, with the values and the meaning of `edgebench.judge.verdict.Verdict`."""

    outcome: Annotated[Outcome, BeforeValidator(_outcome)]
    subtype: Annotated[Subtype, BeforeValidator(_subtype)] | None
    reason: Text
    value: float | None
    low: float | None
    high: float | None
    n: Annotated[int, Field(ge=0, le=10_000)]
    level: float | None
    values: Floats
    seeds_needed: int | None

    @classmethod
    def of(cls, verdict: Verdict) -> StatedVerdict:
        return cls(**vars(verdict))


class StatedCase(Strict):
    """One case of a claim at a tier.

    Attributes:
        arms: the trials of each arm that an effect reads, in the order of the public seeds.
        verdicts: by effect; an effect that the records do not decide has none.
        open: the effects that have none.
    """

    arms: dict[str, _Hashes]
    verdicts: dict[str, StatedVerdict]
    open: Annotated[tuple[str, ...], BeforeValidator(as_tuple)]


class Statement(Strict):
    """`results/PAPER/CLAIM.json`: what the bundle states of a claim, by tier and case (empty without a matrix)."""

    claim: Text
    tiers: dict[str, dict[str, StatedCase]]


class StoredRecord(Strict):
    """What a trial returned (`edgebench.run.record`), without weights, of which it has the SHA-256.

    Attributes:
        correct: per-example correctness on the test split as hex digits, packed as in `Measured.correct`.
    """

    status: Annotated[str, Field(pattern=r"^(ok|diverged)$")]
    seconds: float
    metrics: dict[str, float]
    curves: dict[str, Floats]
    correct: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")] | None
    artefact: Sha256 | None
    environment: dict[str, JsonValue]


class StoredTrial(Strict):
    """`trials/HASH.json`: a trial and its record.

    Attributes:
        key: everything that its hash is made of: kind, resolved settings, seed, digests of data and weights, versions.
        description: in a few words.
        record: None for a trial whose weights alone were needed.
    """

    key: dict[str, JsonValue]
    description: Text
    record: StoredRecord | None
