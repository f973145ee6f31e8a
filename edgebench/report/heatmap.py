"""Heat maps: the effects of a claim whose matrix has two axes, each as a grid of its cases.

What is computed (`grids`) is apart from how it is drawn, so that every report draws the same. A cell is shaded by how
far its value lies from what the claim compares it with, 0 in `> 0`, relative to the farthest of its grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.color import ColorSystem
from rich.style import Style

from edgebench.judge.expectation import parse_expectation
from edgebench.report.result import Result
from edgebench.report.tables import LETTERS

_BLOCKS = (
    " ░▒▓█"  # by level of shade, for terminals without colour and for readers who do not tell colours apart
)
# Numbers in the palette of 256 colours: oranges above what it is compared with, blues below.
_ABOVE = (223, 216, 209, 202)
_BELOW = (189, 153, 111, 69)


@dataclass(frozen=True)
class Cell:
    """One case of an effect.

    Attributes:
        result: how it was judged.
        shade: from -1 to 1, on which side of the expectation's target the value lies and how far, relative to the
            farthest of the grid; None without a value.
    """

    result: Result
    shade: float | None


@dataclass(frozen=True)
class Grid:
    """One effect over the cases of a matrix with two axes.

    Attributes:
        rows, columns: what the entries of the first and the second axis are called, in the order of the claim.
        cells: by row and column; None where the case was not among the results.
    """

    claim: str
    tier: str
    effect: str
    unit: str
    axes: tuple[str, str]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell | None, ...], ...]


def grids(results: Sequence[Result]) -> list[Grid]:
    """The grids of all effects that are judged in at least two cases of a matrix with two axes."""
    effects: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        if len(result.place) == 2:
            effect = result.item.partition("[")[0]
            effects.setdefault((result.claim, result.tier, effect), []).append(result)
    return [_grid(effect, of_effect) for (_, _, effect), of_effect in effects.items() if len(of_effect) > 1]


def heat_maps(results: Sequence[Result], *, colour: bool = False) -> str:
    """All grids as text, with what their letters mean; empty where there is none.

    Args:
        results: of all claims that were judged.
        colour: colour the cells, by ANSI codes.
    """
    found = grids(results)
    if not found:
        return ""
    seen = {cell.result.verdict for grid in found for row in grid.cells for cell in row if cell is not None}
    legend = ", ".join(f"{letter} {verdict}" for verdict, letter in LETTERS.items() if verdict in seen)
    return "\n\n".join([*(_drawn(grid, colour) for grid in found), legend])


def _grid(effect: str, results: Sequence[Result]) -> Grid:
    first = results[0]
    # In the claim's order, which is not that in which the results came in.
    rows, columns = (
        dict(sorted((each.place[axis].entry, each.place[axis].label) for each in results)) for axis in (0, 1)
    )
    away = {id(each): _away(each) for each in results}
    farthest = max((abs(each) for each in away.values() if each is not None), default=0.0)
    cells: dict[tuple[int, int], Cell] = {}
    for each in results:
        distance = away[id(each)]
        shade = None if distance is None else distance / farthest if farthest else 0.0
        cells[each.place[0].entry, each.place[1].entry] = Cell(each, shade)
    return Grid(
        claim=first.claim,
        tier=first.tier,
        effect=effect,
        unit=first.unit,
        axes=(first.place[0].axis, first.place[1].axis),
        rows=tuple(rows.values()),
        columns=tuple(columns.values()),
        cells=tuple(tuple(cells.get((row, column)) for column in columns) for row in rows),
    )


def _away(result: Result) -> float | None:
    """How far the value lies above what the claim compares it with."""
    if result.value is None:
        return None
    return result.value - parse_expectation(result.expectation).target


def _drawn(grid: Grid, colour: bool) -> str:
    unit = f", {grid.unit}" if grid.unit else ""
    title = f"{grid.claim} {grid.effect}{unit}: {grid.axes[0]} down, {grid.axes[1]} across"
    values = _numbers(grid)
    widths = [
        max(*(len(row[column]) for row in values), len(label) - 4)
        for column, label in enumerate(grid.columns)
    ]
    head = max(map(len, grid.rows))
    lines = [
        title,
        " " * head
        + "".join(f"  {label:>{width + 4}}" for label, width in zip(grid.columns, widths, strict=True)),
    ]
    for label, cells, texts in zip(grid.rows, grid.cells, values, strict=True):
        drawn = [_cell(*each, colour) for each in zip(cells, texts, widths, strict=True)]
        lines.append("  ".join([f"{label:>{head}}", *drawn]).rstrip())
    return "\n".join(lines)


def _numbers(grid: Grid) -> list[list[str]]:
    """The values of all cells with equal decimals: three digits of the largest; the table has each in full."""
    known = [
        cell.result.value
        for row in grid.cells
        for cell in row
        if cell is not None and cell.result.value is not None
    ]
    largest = max(map(abs, known), default=0.0)
    whole = all(value == int(value) for value in known)
    decimals = 0 if whole else max(0, 2 - math.floor(math.log10(largest)))
    return [
        [
            ""
            if cell is None
            else "–"
            if cell.result.value is None
            else f"{round(cell.result.value, decimals) + 0.0:,.{decimals}f}"
            for cell in row
        ]
        for row in grid.cells
    ]


def _cell(cell: Cell | None, value: str, width: int, colour: bool) -> str:
    """Shade, value and verdict of a case, as wide as its column."""
    if cell is None:
        return " " * (width + 4)
    level = 0 if cell.shade is None else math.ceil(abs(cell.shade) * (len(_BLOCKS) - 1))
    text = f"{_BLOCKS[level]} {value:>{width}} {LETTERS[cell.result.verdict]}"
    if not colour or not level or cell.shade is None:
        return text
    palette = _ABOVE if cell.shade > 0 else _BELOW
    style = Style(color="color(16)", bgcolor=f"color({palette[level - 1]})")
    return style.render(text, color_system=ColorSystem.EIGHT_BIT)
