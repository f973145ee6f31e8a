"""The closing table of a run: as many rows as a reader needs, as wide as the terminal is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from tabulate import tabulate

from edgebench.report.result import Result
from edgebench.report.tables import measured, number, published, state_of

_FOLDED = 3  # exact effects of a claim with equal outcomes share a row from here on
_HEADERS = ("claim", "effect", "published", "measured [interval]", "n", "verdict", "baseline")

Row = tuple[str, str, str, str, str, str, str]


def closing(results: Sequence[Result], width: int | None = None, *, everything: bool = False) -> str:
    """One row an effect; exact effects of a claim that ended alike, and as recorded, share one.

    Args:
        width: of the terminal; where the table is wider, each effect has lines of its own instead. None: no limit.
        everything: a row for every effect.
    """
    rows = [row for of_claim in _claims(results) for row in _rows(of_claim, everything)]
    shown = [("" if repeated else row[0], *row[1:]) for row, repeated in _repeated(rows)]
    table = tabulate(shown, _HEADERS, tablefmt="simple", disable_numparse=True)
    if width is None or max(map(len, table.splitlines())) <= width:
        return table
    return "\n".join(line for row, repeated in _repeated(rows) for line in _stacked(row, repeated, width))


def _claims(results: Sequence[Result]) -> Iterator[list[Result]]:
    for _, group in groupby(results, key=lambda result: result.claim):
        yield list(group)


def _rows(results: Sequence[Result], everything: bool) -> Iterator[Row]:
    """The rows of a claim, in its order; a shared one stands where the first of its effects would."""
    alike: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.green and result.low is None and result.n == 1 and not everything:
            alike.setdefault((result.label, state_of(result)), []).append(result)
    folded = {id(each): group for group in alike.values() if len(group) >= _FOLDED for each in group}
    for result in results:
        group = folded.get(id(result))
        if group is None:
            yield _row(result)
        elif result is group[0]:
            name = f"{result.item} and {len(group) - 1} more"
            yield (result.claim, name, "", "", "1", result.label, state_of(result))


def _row(result: Result) -> Row:
    n = str(result.n or "–")
    return (result.claim, result.item, published(result), measured(result), n, result.label, state_of(result))


def _repeated(rows: Sequence[Row]) -> Iterator[tuple[Row, bool]]:
    """Each row, and whether it is of the same claim as the one before."""
    before = None
    for row in rows:
        yield row, row[0] == before
        before = row[0]


def _stacked(row: Row, repeated: bool, width: int) -> Iterator[str]:
    claim, effect, paper, found, n, verdict, baseline = row
    if not repeated:
        yield claim
    words = [f"{found} (n {n})" if found not in ("", number(None)) else ""]
    words.append(f"published {paper}" if paper not in ("", number(None)) else "")
    for indent, text in (
        ("  ", f"{effect}: {verdict}"),
        ("    ", ", ".join(word for word in (*words, baseline) if word)),
    ):
        yield from textwrap.wrap(
            text,
            max(width, 20),
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_on_hyphens=False,
        )
