"""Plain tables for terminals and logs; no colour is needed to read them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from edgebench.report.result import Result

STATE = {
    "matches": "✓ as recorded",
    "compatible": "≈ other machine",
    "noisy": "≈ within noise",
    "flipped": "✗ FLIPPED",
    "drifted": "✗ DRIFTED",
    "none": "✗ no baseline",
    "unreadable": "✗ unreadable",
    "not compared": "– not compared",
}
LETTERS = {
    "reproduced": "R", "contradicted": "C", "inconclusive": "I", "invalid": "V", "failed": "F", "pending": "P",
}  # fmt: skip


def number(value: float | None) -> str:
    """A number as short as is honest: whole numbers whole, others at four significant digits."""
    if value is None:
        return "–"
    if abs(value) < 1e-12:  # what rounding leaves of a mean of accuracies that is 0
        return "0"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}" if abs(value) < 10000 else f"{value:,.1f}"


def counted(count: int, word: str) -> str:
    """`1 item`, `2 items`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def state_of(result: Result) -> str:
    """How it stands to its baseline, and that it has moved away from the first one although every step was accepted."""
    since = f" · moved since {result.expected['first']['when']}" if result.moved and result.expected else ""
    return STATE[result.baseline] + since


def _interval(low: float | None, high: float | None) -> str:
    return f"[{number(low)}, {number(high)}]"


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> str:
    """A narrow table: columns as wide as what is in them, those named in `right` aligned to the right."""
    content = [list(headers), *([str(each) for each in row] for row in rows)]
    content.insert(1, ["-" * max(map(len, column)) for column in zip(*content, strict=True)])
    align = ["right" if name in right else "left" for name in headers]
    return tabulate(content, (), tablefmt="plain", disable_numparse=True, colalign=align)


def measured(result: Result) -> str:
    """The value with its interval, where it has one."""
    interval = f" {_interval(result.low, result.high)}" if result.low is not None else ""
    return number(result.value) + interval


def published(result: Result) -> str:
    return number(result.published) + (
        f" {result.unit}" if result.unit and result.published is not None else ""
    )


def claims_holding(results: Sequence[Result]) -> str:
    """How many claims hold: those of which every effect was reproduced. Claims with a pending effect are left open."""
    claims = dict.fromkeys(result.claim for result in results)
    pending = {result.claim for result in results if result.verdict == "pending"}
    failing = {result.claim for result in results if result.verdict not in ("reproduced", "pending")}
    open_ = len(pending - failing)
    said = (
        f"{len(claims) - len(failing | pending)} of {len(claims) - open_} claims hold with all their effects"
    )
    return said + (f"; {open_} pending" if open_ else "")


def still_pending(results: Sequence[Result]) -> str:
    """The items that are pending, with what they lack, one a line; empty when none is."""
    waiting = [result for result in results if result.verdict == "pending"]
    return "\n".join(f"{result.id} is pending: {'; '.join(result.said)}" for result in waiting)


def tally(results: Sequence[Result]) -> str:
    """How many of each verdict, and what is not as recorded, in one line."""
    counts = dict.fromkeys(("reproduced", "contradicted", "inconclusive", "invalid", "failed", "pending"), 0)
    for result in results:
        counts[result.verdict] += 1
    words = [f"{count} {name}" for name, count in counts.items() if count]
    red = sum(not result.green for result in results if result.verdict != "pending")
    state = "all as recorded" if not red else f"{red} not as recorded"
    if not red and counts["pending"]:
        state = "the others as recorded" if counts["pending"] < len(results) else "nothing to compare"
    if not red and any(r.baseline == "not compared" and r.verdict != "pending" for r in results):
        state = "baselines not compared"
    if slow := sum(result.moved is not None for result in results):
        state += f"; {slow} moved since the first accepted baseline"
    ran = any(result.trained or result.verdict in ("failed", "pending") for result in results)
    return f"{', '.join(words)}; {state}" + ("" if ran else "; nothing had to be run")


def moved(results: Sequence[Result]) -> str:
    """The items that have moved since their first accepted baseline, one a line; empty when none has."""
    return "\n".join(f"{result.id}: {result.moved}" for result in results if result.moved)


def failure(result: Result, width: int | None = None) -> str:
    """Why an item is red: where it stands, what was expected and measured, side by side.

    Args:
        width: of the terminal, for which a wider table becomes a list. None: the table, with sentences of 118 columns.
    """
    # The first words are all that pytest's short summary shows.
    what = result.label if result.verdict in ("failed", "invalid") else STATE[result.baseline].lstrip("✗– ")
    head = [
        f"{what}: {result.id} at tier {result.tier}",
        result.location,  # never broken, so that terminals can open it
        f"claim: {result.statement} ({result.where})",
        f"effect: {result.expression}  {result.expectation}"
        + (f"  margin {result.margin:g}" if result.margin else ""),
    ]
    lines = [each if width is None or each == result.location else _filled(each, width) for each in head]
    lines.append("")
    rows: list[list[object]] = [["published", published(result), "", "", "the paper's claim", "", ""]]
    if (stored := result.expected) is not None:
        shown = _interval(*stored["interval"]) if stored["interval"] else "exact"
        label = stored["verdict"] + (f" ({stored['subtype']})" if stored["subtype"] else "")
        tolerance = f"± {stored['tolerance']:.4g}"
        rows.append(["baseline", number(stored["value"]), shown, len(stored["seeds"]), label, tolerance, ""])
    else:
        rows.append(["baseline", "–", "", "", result.baseline, "", ""])
    shown = "exact" if result.value is not None else ""
    if result.low is not None:
        shown = _interval(result.low, result.high)
    rows.append(
        ["measured", number(result.value), shown, result.n or "", result.label, "", STATE[result.baseline]]
    )
    headers = ["", "value", "interval", "n", "verdict", "tolerance", ""]
    table = tabulate(rows, headers, tablefmt="simple", disable_numparse=True)
    if width is not None and max(map(len, table.splitlines())) > width:
        told = (", ".join(str(each) for each in row[1:] if each not in ("", "–")) for row in rows)
        table = "\n".join(
            _filled(f"{row[0]}: {text or '–'}", width) for row, text in zip(rows, told, strict=True)
        )
    lines += [table, ""]
    width = width or 118
    lines += [_filled(f"- {sentence}", width) for sentence in result.said]
    if result.note:
        lines.append(_filled(f"note: {' '.join(result.note.split())}", width))
    return "\n".join(lines)


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False)
