"""What moved, old beside new, in Markdown: the text of the pull request that a new baseline is reviewed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebench.claim.claim import Claim
from edgebench.judge.baseline import BaselineEffect, Recorded
from edgebench.report.markdown import code, folded, table, text
from edgebench.report.result import Baselines, Result
from edgebench.report.tables import counted, number


@dataclass(frozen=True)
class Shown:
    """One side of a change, as far as it is shown."""

    verdict: str
    value: float | None
    interval: tuple[float, float] | None
    seeds: tuple[float, ...]
    reason: str

    @classmethod
    def stored(cls, effect: BaselineEffect) -> Shown:
        verdict = f"{effect.verdict} ({effect.subtype})" if effect.subtype else str(effect.verdict)
        return cls(verdict, effect.value, effect.interval, effect.seeds, effect.reason)

    @classmethod
    def measured(cls, result: Result) -> Shown:
        interval = None if result.low is None or result.high is None else (result.low, result.high)
        return cls(result.label, result.value, interval, result.values, result.said[0] if result.said else "")

    @property
    def number(self) -> str:
        """The value with what it rests on."""
        if self.interval is None:
            return number(self.value) + (", exact" if self.value is not None else "")
        low, high = self.interval
        return f"{number(self.value)} [{number(low)}, {number(high)}], n = {len(self.seeds)}"


@dataclass(frozen=True)
class Change:
    """An item whose stored result is replaced, or would be.

    Attributes:
        old, recorded: what is stored, and who recorded it, when and why.
        new: what replaces it.
    """

    claim: str
    item: str
    old: BaselineEffect
    recorded: Recorded
    new: Shown

    @property
    def id(self) -> str:
        return f"{self.claim}::{self.item}"

    @property
    def told(self) -> str:
        """The change on one line."""
        old = Shown.stored(self.old)
        return f"{old.verdict}, {old.number} → {self.new.verdict}, {self.new.number}"


def changes_of(claims: Sequence[Claim], results: Sequence[Result]) -> list[Change]:
    """The results that flipped or drifted, beside what is stored of them."""
    by_id = {claim.id: claim for claim in claims}
    baselines, found = Baselines(), []
    for result in results:
        if result.baseline not in ("flipped", "drifted"):
            continue
        stored = baselines.get(by_id[result.claim], result.tier)
        assert stored is not None, "it was held against it"
        old = stored.effects[result.item]
        found.append(Change(result.claim, result.item, old, stored.recorded, Shown.measured(result)))
    return found


def changes_markdown(changes: Sequence[Change], tier: str, recorded: Recorded | None = None) -> str:
    """All changes as a table with their seeds below it.

    Args:
        recorded: who replaces them and why; None while that is only proposed.
    """
    if not changes:
        return f"Nothing moved at tier {text(tier)}: every baseline is as it was.\n"
    what = "Baselines renewed" if recorded else "Not as recorded"
    title = f"## {what} at tier {text(tier)}: {counted(len(changes), 'item')}"
    parts = [title]
    if recorded:
        parts.append(f"By {text(recorded.by)}, {recorded.when}. **Why:** {text(recorded.why)}")
    rows = []
    for each in changes:
        old, new = Shown.stored(each.old), each.new
        rows.append(
            [
                code(each.id),
                text(old.verdict),
                text(old.number),
                text(new.verdict),
                text(new.number),
                _moved(each),
            ]
        )
    headers = ["item", "verdict was", "value was", "verdict is", "value is", "change (tolerance)"]
    parts.append(table(headers, rows))
    parts += [folded(f"{code(each.id)}: seeds, reasons", _seeds(each)) for each in changes]
    return "\n\n".join(parts) + "\n"


def _moved(change: Change) -> str:
    if change.new.value is None:
        return "–"
    return f"{change.new.value - change.old.value:+.4g} (± {change.old.tolerance:.4g})"


def _seeds(change: Change) -> str:
    # Seeds are one fixed public sequence: the first value of both is of the same seed.
    count = max(len(change.old.seeds), len(change.new.seeds))
    rows = [
        [name, *(f"{seed:.6g}" for seed in effect.seeds), *["–"] * (count - len(effect.seeds))]
        for name, effect in (("was", change.old), ("is", change.new))
    ]
    lines = [table(["seed", *map(str, range(count))], rows), ""]
    old = change.recorded
    lines.append(f"- was recorded by {text(old.by)}, {old.when}: {text(old.why)}")
    if first := change.old.first:
        lines.append(
            f"- first of its line ({first.when}): {first.verdict}, {number(first.value)} ± {first.tolerance:.4g}"
        )
    for name, effect in (("was", change.old), ("is", change.new)):
        if effect.reason:
            lines.append(f"- reason {name}: {text(effect.reason)}")
    return "\n".join(lines)
