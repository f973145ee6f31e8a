"""Pictures of intervals against margins, as SVG, drawn from verdicts that the judge gives.

They have the width of the page, and are for both of its schemes: lines and letters take the colour of its text.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from edgebench.judge.expectation import Expectation, parse_expectation
from edgebench.judge.verdict import Verdict, judge_seeds

WIDTH, HEIGHT = 640, 96
_ROOM = 34  # between the middles of two numbers
_LEFT, _RIGHT, _AXIS, _BAR, _SEEDS = 16, 624, 66, 30, 46
LOOKS = (5, 10, 20)
_STEP = 9  # has no divisor in common with any look
# What is green, red and in between; the words are written too, for who does not tell them apart.
_COLOURS = {"reproduced": "#2e9e5b", "contradicted": "#d1495b", "inconclusive": "#c98a12"}


@dataclass(frozen=True)
class Example:
    """Seeds, spread evenly around a mean, with what they are judged by."""

    expect: str
    margin: float
    mean: float
    spread: float
    seeds: int = 5

    @property
    def values(self) -> list[float]:
        """The seeds in an order that puts small and large values at the beginning already."""
        half = (self.seeds - 1) / 2
        order = [number * _STEP % self.seeds for number in range(self.seeds)]
        return [self.mean + self.spread * (number - half) / half for number in order]

    def verdict(self) -> Verdict:
        found = judge_seeds(self.values, parse_expectation(self.expect), self.margin, LOOKS)
        assert isinstance(found, Verdict)
        return found


EXAMPLES = {
    "reproduced": Example("> 0", 0.3, 1.2, 0.4),
    "negligible": Example("> 0", 0.3, 0.04, 0.12),
    "reversed": Example("> 0", 0.3, -1.2, 0.4),
    "unsupported": Example("> 0", 0.3, -0.35, 0.35),
    "underpowered": Example("> 0", 0.3, 0.8, 2.0, 20),
    "borderline": Example("> 0", 0.3, 0.31, 0.8, 20),
    "within": Example("~ 1 ± 0.3", 0, 1.04, 0.12),
    "above": Example("~ 1 ± 0.3", 0, 1.9, 0.3),
    "below": Example("~ 1 ± 0.3", 0, 0.2, 0.3),
}


def example(name: str) -> str:
    """The picture of one of `EXAMPLES`, with its verdict in words."""
    given = EXAMPLES[name]
    verdict = given.verdict()
    found = draw(verdict, parse_expectation(given.expect), given.margin)
    label = f"{verdict.outcome}{f' ({verdict.subtype})' if verdict.subtype else ''}"
    return figure(found, f"<strong>{label}</strong>: {html.escape(verdict.reason)}")


def figure(picture: str, caption: str) -> str:
    """A picture with its caption, as one block of HTML within Markdown."""
    return f'<figure class="interval">{picture}<figcaption>{caption}</figcaption></figure>'


def limits(expectation: Expectation, margin: float) -> tuple[list[float], tuple[float | None, float | None]]:
    """Where lines are drawn, and from where to where values are as claimed; None stands for without end."""
    target, band = expectation.target, expectation.band
    if band is not None:
        return [target - band, target + band], (target - band, target + band)
    if expectation.relation == "<":
        return [target - margin, target + margin], (None, target - margin)
    return [target - margin, target + margin], (target + margin, None)


def draw(verdict: Verdict, expectation: Expectation, margin: float) -> str:
    """The interval of a verdict with its seeds, above an axis on which the claimed side is shaded.

    Raises:
        ValueError: a verdict without an interval.
    """
    if verdict.low is None or verdict.high is None or verdict.value is None:
        raise ValueError("the verdict has no interval")
    lines, (first, last) = limits(expectation, margin)
    seen = [*verdict.values, verdict.low, verdict.high, *lines, expectation.target]
    room = 0.08 * (max(seen) - min(seen) or 1)
    low, high = min(seen) - room, max(seen) + room

    def x(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT), 1)

    # What decides first, then what it is compared with.
    marks = list(
        dict.fromkeys([*(each for each in (first, last) if each is not None), expectation.target, *lines])
    )
    colour = _COLOURS[verdict.outcome]
    start, end = x(low if first is None else first), x(high if last is None else last)
    title = (
        f"{verdict.outcome}: the interval from {verdict.low:.4g} to {verdict.high:.4g} around {verdict.value:.4g}, "
        f"of {verdict.n} seeds, against '{expectation}'" + (f" with margin {margin:.4g}" if margin else "")
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{html.escape(title)}</title>",
        f'<rect x="{start}" y="8" width="{round(end - start, 1)}" height="{_AXIS - 8}" fill="#2e9e5b" opacity="0.14"/>',
        f'<line x1="{_LEFT}" y1="{_AXIS}" x2="{_RIGHT}" y2="{_AXIS}" stroke="currentColor"/>',
        *(_mark(x(value), dashed=value != expectation.target) for value in marks),
        *(_label(place, value) for place, value in readable([(x(value), value) for value in marks])),
        f'<line x1="{x(verdict.low)}" y1="{_BAR}" x2="{x(verdict.high)}" y2="{_BAR}" stroke="{colour}"'
        ' stroke-width="5"/>',
        *(_end(x(value), colour) for value in (verdict.low, verdict.high)),
        f'<circle cx="{x(verdict.value)}" cy="{_BAR}" r="6" fill="{colour}"/>',
        *(_seed(x(value)) for value in verdict.values),
        "</svg>",
    ]  # fmt: skip
    return "".join(parts)


def readable(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The numbers that have room below the axis; of two that have not, the one that comes first in the list."""
    found: list[tuple[float, float]] = []
    for x, value in places:
        if all(abs(x - other) >= _ROOM for other, _ in found):
            found.append((x, value))
    return found


def _mark(x: float, *, dashed: bool) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<line x1="{x}" y1="8" x2="{x}" y2="{_AXIS + 5}" stroke="currentColor"{dash}/>'


def _label(x: float, value: float) -> str:
    y = _AXIS + 22
    return f'<text x="{x}" y="{y}" text-anchor="middle" font-size="14" fill="currentColor">{value:.4g}</text>'


def _seed(x: float) -> str:
    return f'<circle cx="{x}" cy="{_SEEDS}" r="3" fill="currentColor" opacity="0.45"/>'


def _end(x: float, colour: str) -> str:
    return f'<line x1="{x}" y1="{_BAR - 9}" x2="{x}" y2="{_BAR + 9}" stroke="{colour}" stroke-width="3"/>'
