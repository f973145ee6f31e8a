"""The result of one item: what was published, measured and expected, in a form that travels between processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgebench.claim.claim import Case, Claim, Place, Tier, item_key
from edgebench.claim.metrics import packed
from edgebench.claim.problems import display_path
from edgebench.claim.settings import LatencySettings
from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline, compare
from edgebench.judge.baseline_file import load
from edgebench.judge.verdict import Outcome, Verdict
from edgebench.report.certificates import Certificates, Certified
from edgebench.run import environment
from edgebench.run.case import Judged


@dataclass(frozen=True)
class Result:
    """One effect of one case of a claim, judged and held against its baseline.

    Attributes:
        claim, item: claim id, and effect key with case (`params[conv]`); together they name the item.
        location: file:line:column of the effect.
        verdict: the verdict's name; `failed` when trials or the evaluation failed, `pending` when the time budget ended
            before there was one.
        label: the verdict as shown: with its subtype, and `proxy` where the run was shorter than the paper's.
        baseline: `matches`, `compatible` (only on another machine), `noisy` (only of times), `flipped`, `drifted`,
            `none`, `not compared`, or `unreadable`.
        green: whether the item passes.
        said: sentences that explain the verdict and the comparison.
        expected: the baseline's row for the table of a failure, None without one.
        values: the effect of each seed, in the order of the seeds; the one value of an exact quantity.
        seconds: how long its trials took, all of them together, whichever run trained them.
        cached: how many of its trials came from the store.
        level: significance level of the interval, which holds over all looks of the verdict; None without interval.
        moved: a sentence on what has moved since the first accepted baseline, None when nothing has.
        missing: it failed because data or weights are not on this machine.
        certificate: of a proxy verdict that was compared with a longer schedule: `4x: sign and size agree`, …
        place: where its case stands on each axis of the claim's matrix; empty without one, and for trends.
    """

    claim: str
    item: str
    statement: str
    where: str
    location: str
    tier: str
    expression: str
    expectation: str
    margin: float
    published: float | None
    unit: str
    verdict: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    baseline: str
    green: bool
    said: tuple[str, ...]
    expected: dict[str, Any] | None
    trained: int
    note: str | None
    values: tuple[float, ...] = ()
    seconds: float = 0.0
    cached: int = 0
    level: float | None = None
    moved: str | None = None
    place: tuple[Place, ...] = ()
    missing: bool = False
    certificate: str | None = None

    @property
    def id(self) -> str:
        return f"{self.claim}::{self.item}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Result:
        """A result as another version may have written it: keys without a field are left out, later fields empty.

        Raises:
            TypeError: when the content is no result at all.
        """
        known = {each.name: content[each.name] for each in fields(cls) if each.name in content}
        for name in ("said", "values"):
            known[name] = tuple(known.get(name, ()))
        known["place"] = tuple(Place(*each) for each in known.get("place", ()))
        return cls(**known)


class Baselines:
    """Reads the baselines beside a claims root, each file once: `<root>/../baselines/<tier>/<paper>/<claim>.yaml`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._read: dict[Path, Baseline | BaselineError] = {}
        self.certificates = Certificates()

    def path(self, claim: Claim, tier: str) -> Path:
        folder = self.folder or claim.path.absolute().parent.parent.parent / "baselines"
        return folder / tier / claim.paper / f"{claim.path.stem}.yaml"

    def get(self, claim: Claim, tier: str) -> Baseline | None:
        """The baseline of a claim at a tier, or None when none was recorded.

        Raises:
            BaselineError: when the file is there but cannot be used.
        """
        path = self.path(claim, tier)
        if not path.is_file():
            return None
        if path not in self._read:
            try:
                baseline = load(path)
                if (baseline.claim, baseline.tier) != (claim.id, tier):
                    raise BaselineError(
                        f"it is the baseline of {baseline.claim} at {baseline.tier}",
                        expected=f"{claim.id} at {tier}",
                        where=display_path(path),
                    )
                self._read[path] = baseline
            except BaselineError as error:
                self._read[path] = error
        found = self._read[path]
        if isinstance(found, BaselineError):
            raise found
        return found

    def certified(self, claim: Claim, tier: str, item: str) -> Certified | None:
        """What a longer run than the baseline's found of an item; None where none was made, or none is needed."""
        if claim.exact or tier == "paper":
            return None
        try:
            baseline = self.get(claim, tier)
        except BaselineError:
            return None  # reported where it is compared
        return self.certificates.certified(
            claim, tier, item, baseline.effects.get(item) if baseline else None
        )


def orphans(claims: Sequence[Claim], tier: str) -> list[str]:
    """Sentences about stored effects that no item is held against any more."""
    baselines, found = Baselines(), []
    for claim in claims:
        items = {item_key(key, case.id) for case in claim.cases if tier in case.tiers for key in case.effects}
        try:
            stored = baselines.get(claim, tier)
        except BaselineError:
            continue  # reported where it is compared
        path = display_path(baselines.path(claim, tier))
        left = sorted(set(stored.effects) - items) if stored is not None else []
        found += [
            f"{path}: '{item}' is no item of {claim.id} at tier {tier} any more; remove it" for item in left
        ]
    return found


@dataclass(frozen=True)
class _Held:
    """A verdict held against its baseline: the fields of `Result` that this decides."""

    baseline: str
    green: bool
    said: tuple[str, ...] = ()
    expected: dict[str, Any] | None = None
    moved: str | None = None


def _hold(
    judged: Judged, verdict: Verdict, claim: Claim, tier: str, item: str, baselines: Baselines
) -> _Held:
    try:
        baseline = baselines.get(claim, tier)
    except BaselineError as error:
        return _Held("unreadable", False, (str(error),))
    stored = baseline.effects.get(item) if baseline else None
    if baseline is None or stored is None:
        if verdict.outcome is Outcome.invalid:
            return _Held("none", False)
        command = f'edgebench baseline record {claim.id} --tier {tier} --why "…"'
        missing = f"there is no baseline at tier {tier} yet; review the verdict and record it: {command}"
        return _Held("none", False, (missing,))
    kinds = {
        "times": (stored.timed, claim.kind == "latency"),
        "sizes of files": (stored.packed, packed(claim.kind, judged.effect.value.references)),
    }
    for kind, (was, now) in kinds.items():
        if was != now:
            found = BaselineError(
                f"'{item}' was recorded of {kind if was else f'something else than {kind}'}",
                where=display_path(baselines.path(claim, tier)),
                hint="record it again",
            )
            return _Held("unreadable", False, (str(found),))
    same_machine = environment.matches(baseline.environment, judged.identity)
    comparison = compare(verdict, stored, same_machine=same_machine)
    said = comparison.explanation
    if comparison.matches and stored.reason and stored.reason != verdict.reason:
        said = (*said, f"baseline: {stored.reason}")
    flags = ("flipped", "drifted", "compatible")
    state = next((flag for flag in flags if getattr(comparison, flag)), "matches")
    if state == "compatible" and same_machine:
        state = "noisy"
    return _Held(state, comparison.matches, said, stored.model_dump(mode="json"), comparison.moved)


def assess(
    claim: Claim, case: Case, tier: Tier, judged: Judged, baselines: Baselines, *, comparing: bool = True
) -> Result:
    """Hold what became of an effect against its baseline; without `comparing` any valid verdict is green."""
    verdict, effect = judged.verdict, judged.effect
    item = item_key(effect.key, case.id)
    if verdict is None:
        held = _Held("not compared", False)
    elif comparing:
        held = _hold(judged, verdict, claim, tier.name, item, baselines)
    else:
        held = _Held("not compared", verdict.outcome is not Outcome.invalid)
    certified = baselines.certified(claim, tier.name, item) if verdict else None
    reason = verdict.reason if verdict else judged.failure or judged.pending or "no verdict"
    return Result(
        claim=claim.id,
        item=item,
        statement=claim.statement,
        where=claim.where,
        location=str(effect.mark),
        tier=tier.name,
        expression=effect.value.source,
        expectation=str(effect.expect),
        margin=effect.margin,
        published=effect.published,
        unit=effect.unit,
        verdict=str(verdict.outcome) if verdict else "pending" if judged.pending else "failed",
        label=_label(claim, tier, judged, certified.words if certified else None),
        value=verdict.value if verdict else None,
        low=verdict.low if verdict else None,
        high=verdict.high if verdict else None,
        n=verdict.n if verdict else 0,
        baseline=held.baseline,
        green=held.green,
        said=(reason, *_timed_on(tier, judged), *((certified.said,) if certified else ()), *held.said),
        expected=held.expected,
        trained=judged.trained,
        note=effect.note or claim.note,
        values=verdict.values if verdict else (),
        seconds=judged.seconds,
        cached=judged.cached,
        level=verdict.level if verdict else None,
        moved=held.moved,
        place=case.place,
        missing=judged.missing,
        certificate=certified.words if certified else None,
    )


def _threads(tier: Tier) -> str:
    """How many threads the arms of a claim about latency had: `1 thread`; empty for other claims."""
    threads = sorted({each.threads for each in tier.arms.values() if isinstance(each, LatencySettings)})
    return f"{' and '.join(map(str, threads))} thread{'s' if threads != [1] else ''}" if threads else ""


def _timed_on(tier: Tier, judged: Judged) -> tuple[str, ...]:
    """A sentence on what times were taken on; none for other claims."""
    if not (threads := _threads(tier)):
        return ()
    on = judged.identity
    name = on["gpu"] if "gpu" in on else str(on["processor"]).partition(",")[0]
    return (f"timed on {on['device']} ({name}) with {threads}",)


def _label(claim: Claim, tier: Tier, judged: Judged, certificate: str | None) -> str:
    if judged.verdict is None:
        return "pending" if judged.pending else "failed to run"
    words = [str(judged.verdict.outcome)]
    if judged.verdict.subtype:
        words.append(f"({judged.verdict.subtype})")
    if judged.diverged:
        words.append(f"· {judged.diverged} diverged")
    # A shortened run speaks of this budget, not of the paper's full scale.
    if not claim.exact and tier.name != "paper":
        words.append("· proxy")
    if certificate is not None:
        words.append(f"· {certificate}")
    if threads := _threads(tier):
        words.append(f"· {judged.identity['device']}, {threads}")
    return " ".join(words)
