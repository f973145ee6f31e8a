"""Learning curves, costs, Pareto fronts and heat maps of a claim at a tier, as figures."""

from __future__ import annotations

from edgebench.report.findings.model import AtTier, Bar, Bars, Curves, Front, Point
from edgebench.report.heatmap import Grid
from edgebench.report.html.figure import Figure, listed
from edgebench.report.tables import measured, number


def curve_figure(curves: Curves) -> Figure:
    """A metric by epoch: the mean of each arm's seeds, and from the smallest to the largest of them as a band."""
    last = [f"{band.arm} {number(band.mean[-1])} after epoch {len(band.mean)}" for band in curves.bands]
    return Figure(
        kind="curves",
        title=_titled(curves.metric, curves.unit),
        case=curves.case,
        said=f"{curves.summary}. Means at the end: {listed(last)}",
        head=("arm", "curves", "first epoch", "last epoch", "smallest to largest at the last"),
        rows=tuple(
            (
                band.arm,
                str(band.trials),
                number(band.mean[0]),
                number(band.mean[-1]),
                f"{number(band.low[-1])} to {number(band.high[-1])}",
            )
            for band in curves.bands
        ),
        data={
            "unit": curves.unit,
            "metric": curves.metric,
            "arms": [
                {"arm": band.arm, "trials": band.trials, "mean": band.mean}
                # Nothing spreads of a single seed, or of a schedule.
                | ({} if band.low == band.high else {"low": band.low, "high": band.high})
                for band in curves.bands
            ],
        },
    )


def cost_figure(bars: Bars) -> Figure:
    """A cost of each arm."""
    return Figure(
        kind="bars",
        title=_titled(bars.metric, bars.unit),
        case=bars.case,
        said=f"{bars.summary}. {listed([f'{bar.arm} {number(bar.value)}' for bar in bars.bars])}",
        head=("arm", "mean", "smallest to largest"),
        rows=tuple((bar.arm, number(bar.value), _spread(bar)) for bar in bars.bars),
        data={
            "unit": bars.unit,
            "arms": [
                {"arm": bar.arm, "value": bar.value, "low": bar.low, "high": bar.high} for bar in bars.bars
            ],
        },
    )


def _spread(bar: Bar) -> str:
    return "–" if bar.low == bar.high else f"{number(bar.low)} to {number(bar.high)}"


def front_figure(front: Front) -> Figure:
    """The arms by cost and gain, with the front of those that no other arm beats."""
    return Figure(
        kind="front",
        title=f"{front.effect}: {front.gain} against {front.cost}",
        case=front.case,
        said="On the front: " + (listed([p.arm for p in front.points if p.on_front]) or "none of the arms"),
        head=("arm", front.cost, front.gain, "smallest to largest", "on the front"),
        rows=tuple(
            (
                p.arm,
                number(p.cost),
                number(p.gain),
                f"{number(p.low)} to {number(p.high)}",
                "yes" if p.on_front else "no",
            )
            for p in front.points
        ),
        data={
            "gain": _titled(front.gain, front.gain_unit),
            "cost": _titled(front.cost, front.cost_unit),
            "points": [_point(point) for point in front.points],
        },
    )


def _point(point: Point) -> dict[str, object]:
    return {
        "arm": point.arm, "cost": point.cost, "gain": point.gain, "low": point.low, "high": point.high,
        "front": point.on_front,
    }  # fmt: skip


def map_figure(grid: Grid) -> Figure:
    """An effect over the two axes of a matrix."""
    texts = [
        ["" if cell is None else f"{measured(cell.result)}, {cell.result.verdict}" for cell in row]
        for row in grid.cells
    ]
    unit = f" ({grid.unit})" if grid.unit else ""
    return Figure(
        kind="map",
        title=f"{grid.effect}{unit}: {grid.axes[0]} down, {grid.axes[1]} across",
        case="",
        said="Orange cells lie above what the claim compares with, blue ones below; the numbers are in the table",
        head=(grid.axes[0], *grid.columns),
        rows=tuple((label, *row) for label, row in zip(grid.rows, texts, strict=True)),
        data={
            "rows": grid.rows,
            "columns": grid.columns,
            "axes": grid.axes,
            "cells": [
                [
                    None
                    if cell is None
                    else {
                        "value": number(cell.result.value),
                        "shade": cell.shade,
                        "verdict": cell.result.verdict,
                    }
                    for cell in row
                ]
                for row in grid.cells
            ],
        },
    )


def plots_of(at: AtTier) -> dict[str, list[Figure]]:
    """All figures of a claim at a tier besides its intervals, by what they show; empty sorts are left out."""
    sorts = {
        "Heat maps": [map_figure(each) for each in at.grids],
        "Gain against cost": [front_figure(each) for each in at.fronts],
        "Learning curves": [curve_figure(each) for each in at.curves],
        "Costs": [cost_figure(each) for each in at.costs],
    }
    return {name: figures for name, figures in sorts.items() if figures}


def _titled(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
