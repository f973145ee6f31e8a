"""Interval plots: measured values with their intervals beside what the claim expects and what the paper published.

Items share a plot where their numbers are of one unit and one size, so that none is squeezed into a dot by another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgebench.report.findings.model import Item, Source
from edgebench.report.html.figure import Figure, listed
from edgebench.report.tables import measured, number

# A plot may be so many times as wide as what the narrowest of its items needs; wider for the cases of one effect, which
# belong beside each other.
_SHARED, _SHARED_BY_CASES = 6.0, 12.0
_ROOM = 0.08  # on either side, as a share of the width
_LEAST = 0.02  # width of an item whose numbers are all equal, as a share of them


@dataclass(frozen=True)
class _Panel:
    unit: str
    items: tuple[Item, ...]
    low: float
    high: float
    narrowest: float


def interval_figures(items: Sequence[Item]) -> list[Figure]:
    """The plots of some items of one claim at one tier; those without any number are left out."""
    panels: list[_Panel] = []
    for item in items:
        span = _span(item)
        if span is None:
            continue
        one = _Panel(item.result.unit, (item,), *span, span[1] - span[0])
        for place, panel in enumerate(panels):
            if (both := _together(panel, one)) is not None:
                panels[place] = both
                break
        else:
            panels.append(one)
    return [_figure(panel) for panel in panels]


def _span(item: Item) -> tuple[float, float] | None:
    """From where to where its numbers reach, with the claimed limit; None where nothing is to be shown."""
    result = item.result
    shown = [result.value, result.low, result.high, result.published, *result.values]
    numbers = [each for each in shown if each is not None]
    if not numbers:
        return None
    numbers += [item.expect.target, *_limits(item)]
    low, high = min(numbers), max(numbers)
    least = _LEAST * max(abs(low), abs(high), 1e-12)
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    return low, high


def _together(panel: _Panel, one: _Panel) -> _Panel | None:
    """Both in one plot, where neither is then too small to be read."""
    low, high = min(panel.low, one.low), max(panel.high, one.high)
    narrowest = min(panel.narrowest, one.narrowest)
    items = (*panel.items, *one.items)
    effects = {item.result.item.partition("[")[0] for item in items}
    if panel.unit != one.unit or high - low > narrowest * (
        _SHARED_BY_CASES if len(effects) == 1 else _SHARED
    ):
        return None
    return replace(panel, items=items, low=low, high=high, narrowest=narrowest)


def _limits(item: Item) -> tuple[float, ...]:
    """The ends of what the claim expects: the margin's, or the band's."""
    expect, margin = item.expect, item.result.margin
    if expect.relation == "~":
        return (expect.target - (expect.band or 0.0), expect.target + (expect.band or 0.0))
    return (expect.target + (margin if expect.relation == ">" else -margin),)


def _figure(panel: _Panel) -> Figure:
    unit = f" ({panel.unit})" if panel.unit else ""
    room = _ROOM * (panel.high - panel.low)
    return Figure(
        kind="intervals",
        title=f"Measured against claimed{unit}",
        case="",
        said=listed([_said(item) for item in panel.items]),
        head=("item", "measured [interval]", "seeds' values", "claimed", "published"),
        rows=tuple(_row(item) for item in panel.items),
        data={
            "unit": panel.unit,
            "range": [panel.low - room, panel.high + room],
            "items": [_drawn(item) for item in panel.items],
        },
    )


def _said(item: Item) -> str:
    result = item.result
    return f"{result.item}: {measured(result)}, claimed {_claimed(item)}, {item.verdict}"


def _claimed(item: Item) -> str:
    margin = f" by {number(item.result.margin)}" if item.result.margin else ""
    return f"{item.expect}{margin}"


def _row(item: Item) -> tuple[str, ...]:
    result = item.result
    values = ", ".join(number(value) for value in result.values)
    return (result.item, measured(result), values or "–", _claimed(item), number(result.published))


def _drawn(item: Item) -> dict[str, Any]:
    result = item.result
    limits = _limits(item)
    relation = item.expect.relation
    return {
        "name": result.item,
        "value": result.value,
        "low": result.low,
        "high": result.high,
        "seeds": [value for value in result.values if math.isfinite(value)] if result.n > 1 else [],
        "published": result.published,
        "target": item.expect.target,
        # None: the claimed side has no end there.
        "from": limits[0] if relation in (">", "~", "==") else None,
        "to": limits[-1] if relation in ("<", "~", "==") else None,
        "verdict": item.verdict,
        "stored": item.source is Source.store,
    }
