"""The result of one item: what was published, measured and expected, in a form that travels between processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgebench.claim.claim import Case, Claim, Tier, item_key
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError
from edgebench.judge.baseline import Baseline, compare, load
from edgebench.judge.verdict import Outcome
from edgebench.run import environment
from edgebench.run.session import Judged


@dataclass(frozen=True)
class Result:
    """One effect of one case of a claim, judged and held against its baseline.

    Attributes:
        claim, item: claim id, and effect key with case (`params[conv]`); together they name the item.
        location: file:line:column of the effect.
        verdict: the verdict's name, or `failed` when trials or the evaluation failed.
        label: the verdict as shown: with its subtype, and `proxy` where the run was shorter than the paper's.
        baseline: `matches`, `compatible` (only on another machine), `flipped`, `drifted`, `none`, `not compared`, or
            `unreadable`.
        green: whether the item passes.
        said: sentences that explain the verdict and the comparison.
        expected: the baseline's row for the table of a failure, None without one.
    """

    claim: str
    item: str
    paper: str
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
    cached: int
    note: str | None

    @property
    def id(self) -> str:
        return f"{self.claim}::{self.item}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Result:
        return cls(**{**content, "said": tuple(content["said"])})


class Baselines:
    """Reads the baselines beside a claims root, each file once: `<root>/../baselines/<tier>/<paper>/<claim>.yaml`."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._read: dict[Path, Baseline | BaselineError] = {}

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


def assess(
    claim: Claim, case: Case, tier: Tier, judged: Judged, baselines: Baselines, *, comparing: bool = True
) -> Result:
    """Hold what became of an effect against its baseline; without `comparing` any valid verdict is green."""
    verdict, effect = judged.verdict, judged.effect
    item = item_key(effect.key, case.id)
    said: list[str] = []
    expected: dict[str, Any] | None = None
    state, green = "not compared", not comparing
    if verdict is None:
        said.append(judged.failure or "no verdict")
        green = False
    elif not comparing:
        said.append(verdict.reason)
        green = verdict.outcome is not Outcome.invalid
    else:
        said.append(verdict.reason)
        try:
            baseline = baselines.get(claim, tier.name)
            same_machine = baseline is None or environment.is_this_machine(baseline.environment)
            stored = baseline.effects.get(item) if baseline else None
        except BaselineError as error:
            state, stored, same_machine = "unreadable", None, True
            said.append(str(error))
        else:
            if stored is None:
                state = "none"
            if stored is None and verdict.outcome is not Outcome.invalid:
                command = f'edgebench baseline record {claim.id} --tier {tier.name} --why "…"'
                said.append(
                    f"there is no baseline at tier {tier.name} yet; review the verdict and record it: {command}"
                )
        if stored is not None:
            comparison = compare(verdict, stored, same_machine=same_machine)
            green = comparison.matches
            flags = ("flipped", "drifted", "compatible")
            state = next((flag for flag in flags if getattr(comparison, flag)), "matches")
            said.extend(comparison.explanation)
            if green and stored.reason and stored.reason != verdict.reason:
                said.append(f"baseline: {stored.reason}")
            expected = stored.model_dump(mode="json")
    return Result(
        claim=claim.id,
        item=item,
        paper=claim.paper,
        statement=claim.statement,
        where=claim.where,
        location=str(effect.mark),
        tier=tier.name,
        expression=effect.value.source,
        expectation=str(effect.expect),
        margin=effect.margin,
        published=effect.published,
        unit=effect.unit,
        verdict=str(verdict.outcome) if verdict else "failed",
        label=_label(claim, tier, judged),
        value=verdict.value if verdict else None,
        low=verdict.low if verdict else None,
        high=verdict.high if verdict else None,
        n=verdict.n if verdict else 0,
        baseline=state,
        green=green,
        said=tuple(said),
        expected=expected,
        trained=judged.trained,
        cached=judged.cached,
        note=effect.note or claim.note,
    )


def _label(claim: Claim, tier: Tier, judged: Judged) -> str:
    if judged.verdict is None:
        return "failed to run"
    words = [str(judged.verdict.outcome)]
    if judged.verdict.subtype:
        words.append(f"({judged.verdict.subtype})")
    if judged.diverged:
        words.append(f"· {judged.diverged} diverged")
    # A shortened run speaks of this budget, not of the paper's full scale.
    if not claim.exact and tier.name != "paper":
        words.append("· proxy")
    return " ".join(words)
