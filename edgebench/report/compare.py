"""Two sets of results side by side: what changed between two runs, two stores or two versions of torch.

Trained effects are compared by their mean per-seed difference B − A over the seeds that both have, with its Student-t
interval: the same seed has the same split, order of data and initialisation on both sides. Exact quantities are equal
or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edgebench.judge.statistics import Interval, paired_interval
from edgebench.report.history import Entry
from edgebench.report.result import Result
from edgebench.report.sides import Item, Side
from edgebench.report.tables import number, table

_ONLY = 4  # items on one side alone that are named
LEVEL = 0.05  # two-sided, of each interval by itself


class Change(StrEnum):
    """What became of an item's value; the order is that of the table."""

    differs = "differs"  # exact values
    moved = "moved"
    redefined = "another effect"
    missing = "no values"
    noise = "within noise"
    same = "same"


@dataclass(frozen=True)
class Pair:
    """One item on both sides.

    Attributes:
        flipped: the verdict is another one; not when one side has none yet.
        interval: of the mean difference B − A, for trained effects with at least two common seeds.
        difference: B − A, of the means over the common seeds or of the exact values; None when there is none.
    """

    a: Result
    b: Result
    flipped: bool
    change: Change
    difference: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Compared:
    """All items of two sides.

    Attributes:
        pairs: of the items on both sides: other verdicts first, then by what became of the value.
        only_a, only_b: the items on one side alone.
        speed: time of a seed on side B over that on side A; None where nothing was trained apart.
        timed: how many items `speed` is of.
    """

    pairs: tuple[Pair, ...]
    only_a: tuple[Item, ...]
    only_b: tuple[Item, ...]
    speed: float | None
    timed: int

    @property
    def changed(self) -> bool:
        """Whether a verdict is another one, or an exact value differs."""
        return any(pair.flipped or pair.change is Change.differs for pair in self.pairs)


def compare_sides(a: Side, b: Side) -> Compared:
    """Pair the items of two sides and say what changed."""
    common = [item for item in a.entries if item in b.entries]
    entries = [(a.entries[item], b.entries[item]) for item in common]
    order = list(Change)
    pairs = sorted(
        (_pair(one.result, other.result) for one, other in entries),
        key=lambda pair: (not pair.flipped, order.index(pair.change)),
    )
    timed = [(one.result, other.result) for one, other in entries if _timed_apart(one, other)]
    seconds = [sum(result.seconds / result.n for result in side) for side in zip(*timed, strict=True)]
    return Compared(
        tuple(pairs),
        tuple(item for item in a.entries if item not in b.entries),
        tuple(item for item in b.entries if item not in a.entries),
        seconds[1] / seconds[0] if seconds else None,
        len(timed),
    )


def _pair(a: Result, b: Result) -> Pair:
    flipped = a.verdict != b.verdict and "pending" not in (a.verdict, b.verdict)
    change, difference, interval = _change(a, b)
    return Pair(a, b, flipped, change, difference, interval)


def _change(a: Result, b: Result) -> tuple[Change, float | None, Interval | None]:
    if not a.values or not b.values:
        return Change.missing, None, None
    if a.expression != b.expression or _is_exact(a) != _is_exact(b):
        return Change.redefined, None, None
    if _is_exact(a):
        difference = b.values[0] - a.values[0]
        return (Change.differs if difference else Change.same), difference, None
    # The values are in the order of the public seeds, so that the common ones are the first of both.
    differences = [other - one for one, other in zip(a.values, b.values, strict=False)]
    if not any(differences):
        return Change.same, 0.0, None
    # How many seeds a side has was decided by looking at its values. A level that holds over all looks at once holds at
    # whichever of them that was.
    interval = paired_interval(differences, min(a.level or LEVEL, b.level or LEVEL))
    moved = interval.low > 0 or interval.high < 0
    return (Change.moved if moved else Change.noise), interval.mean, interval


def _is_exact(result: Result) -> bool:
    """One value without an interval; a trained effect has two seeds at least."""
    return len(result.values) == 1


def _timed_apart(a: Entry, b: Entry) -> bool:
    """Whether both sides trained all of it, each for itself: records that were served tell of another run's speed."""
    results = (a.result, b.result)
    return all(each.n > 1 and each.trained and not each.cached and each.seconds > 0 for each in results)


# The text.


def compared_text(a: Side, b: Side, compared: Compared, *, everything: bool = False) -> str:
    """The items that are not the same (or all of them) as a table, and the sums under it."""
    lines = [f"A: {a.told}", f"B: {b.told}", ""]
    shown = [pair for pair in compared.pairs if everything or pair.flipped or pair.change is not Change.same]
    if shown:
        lines += [_table(shown), ""]
    lines.append(_sums(compared.pairs) if compared.pairs else "no item is on both sides")
    if len(shown) < len(compared.pairs):
        lines.append("those that are the same are left out; --all shows them")
    trained = sum(pair.interval is not None for pair in compared.pairs)
    if any(pair.change is Change.moved for pair in compared.pairs):
        lines.append(
            f"of {trained} effects with 95 % intervals (over all looks), at most {trained * LEVEL:.2g} would seem "
            "moved by chance alone"
        )
    for name, items in (("A", compared.only_a), ("B", compared.only_b)):
        if items:
            told = ", ".join(_item(item) for item in (items if everything else items[:_ONLY]))
            more = "" if everything or len(items) <= _ONLY else f", and {len(items) - _ONLY} more"
            lines.append(f"only in {name}: {told}{more}")
    if compared.speed is not None:
        share = f"{compared.speed:.2f} times as long as A"
        lines.append(f"speed: B trains {share} a seed, over {compared.timed} trained items")
    return "\n".join(lines)


def _item(item: Item) -> str:
    tier, claim, name = item
    return f"{claim}::{name} at {tier}"


def _table(pairs: Sequence[Pair]) -> str:
    rows = []
    tiers = len({pair.a.tier for pair in pairs}) > 1
    for pair in pairs:
        said = str(pair.change)
        if pair.flipped:
            said = f"{pair.a.verdict} → {pair.b.verdict}; {said}"
        seeds = pair.interval.n if pair.interval else "–"
        item = _item((pair.a.tier, pair.a.claim, pair.a.item)) if tiers else pair.a.id
        rows.append([item, number(pair.a.value), number(pair.b.value), _difference(pair), seeds, said])
    headers = ["item", "A", "B", "B − A [95 %]", "n", ""]
    return table(headers, rows, right=("A", "B", "n"))


def _difference(pair: Pair) -> str:
    if pair.difference is None:
        return "–"
    if pair.difference == 0 and pair.interval is None:
        return "="
    limits = f" [{pair.interval.low:+.3g}, {pair.interval.high:+.3g}]" if pair.interval else ""
    return f"{pair.difference:+.4g}{limits}"


def _sums(pairs: Sequence[Pair]) -> str:
    counts = Counter(pair.change for pair in pairs)
    flipped = sum(pair.flipped for pair in pairs)
    words = [f"{flipped} with another verdict", f"{counts[Change.differs]} exact with another value"]
    words += [f"{counts[change]} {change}" for change in list(Change)[1:] if counts[change]]
    return f"{len(pairs)} items on both sides: {', '.join(words)}"
