"""What the judge's intervals cover over all looks, and which shifts it finds after how many seeds.

*Coverage*: series of noise whose mean is known are looked at as trainings are, and every interval has to hold the mean:
in 95 % of cases over all looks together. The judge decides at its limit exactly if an interval leaves it out, so that
it is asked with the limit at the mean.

*Power*: a shift is planted into noise without an effect, and counted is how often the judge finds it. In units of the
standard deviation between seeds this is a property of the looks alone; in units of a claim's margin it tells what the
suite can find, and is planted into the stored seeds themselves (`edgebench.judge.audit.splits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebench.judge.audit.noise import Draw, heavy, normal, rounded, steps, tails
from edgebench.judge.audit.rules import decided, disagreements
from edgebench.judge.audit.splits import LIMIT, orders, recursive_residuals
from edgebench.judge.audit.subject import Subject
from edgebench.judge.expectation import Expectation

if TYPE_CHECKING:
    from edgebench.judge.forecast import Floats

DRAWS = 40_000  # the standard error of a rate of 5 % is then 0.1 points
_POWER_DRAWS = 4_000
_CHECKED = 40
_ORDERS = 24
SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
MARGINS = (0, 2, 3, 5, 10)
_SIZES = tuple(each / 20 for each in range(2, 45))
_ABOVE = Expectation(">", 0.0)
Looks = tuple[int, ...]


@dataclass(frozen=True)
class Missed:
    """How often an interval left out the true mean at one look or another, in percent, for one noise."""

    noise: str
    rate: float

    @property
    def above(self) -> bool:
        return self.rate > LIMIT


@dataclass(frozen=True)
class Coverage:
    """The intervals of one schedule of looks.

    Attributes:
        coarsest: largest rounding, in standard deviations between seeds, at which they still cover.
        coarse: names of the effects with this schedule that are rounded more coarsely than that.
    """

    looks: Looks
    missed: tuple[Missed, ...]
    coarsest: float
    coarse: tuple[str, ...]


@dataclass(frozen=True)
class Power:
    """How often a shift from the limit is found.

    Attributes:
        by_shift: for each of `SHIFTS`, in standard deviations between seeds, percent.
        by_margin: for each of `MARGINS`, percent of the series of the effects with a margin in which the right decision
            is taken: with a shift of 0 margins `contradicted`, with more `reproduced`. Empty without such effects.
    """

    looks: Looks
    by_shift: tuple[float, ...]
    by_margin: tuple[float, ...]
    effects: int


@dataclass(frozen=True)
class Simulated:
    """Coverage and power of every schedule of looks.

    Attributes:
        disagreements: series that the judge itself judges otherwise (`edgebench.judge.audit.rules`).
    """

    coverage: tuple[Coverage, ...]
    power: tuple[Power, ...]
    disagreements: int


def simulate(subjects: Sequence[Subject], draws: int = DRAWS) -> Simulated:
    """Coverage and power for every schedule of looks that trained or timed effects have."""
    varying = [subject for subject in subjects if not subject.exact]
    found = tails(varying)
    rounding = steps(varying)
    coverage, power, wrong = [], [], 0
    for looks in sorted({subject.tier.looks for subject in varying}):
        noises: dict[str, Draw] = {"normal": normal}
        if found is not None:
            noises[f"heavy-tailed (t, {found.freedom} degrees of freedom)"] = heavy(found.freedom)
        own = [(subject, size) for subject, size in rounding if subject.tier.looks == looks]
        if own:
            noises["rounded"] = rounded([size for _, size in own])
        missed = tuple(Missed(name, miss_rate(draw, looks, draws)) for name, draw in noises.items())
        wrong += sum(
            disagreements(_series(draw, looks, _CHECKED), _ABOVE, 0.0, looks, _CHECKED)
            for draw in noises.values()
        )
        coarsest = _coarsest(looks, draws)
        coarse = tuple(f"{each.name} at {each.tier.name}" for each, size in own if size > coarsest)
        coverage.append(Coverage(looks, missed, coarsest, coarse))
        power.append(_power(looks, [each for each in varying if each.tier.looks == looks]))
    return Simulated(tuple(coverage), tuple(power), wrong)


def miss_rate(draw: Draw, looks: Looks, draws: int) -> float:
    """How often, in percent, an interval at one look or another leaves out the mean, which is 0."""
    yes, no = decided(_series(draw, looks, draws), _ABOVE, 0.0, looks)
    return 100 * float((yes | no).mean())


def _series(draw: Draw, looks: Looks, draws: int) -> Floats:
    import numpy as np

    return draw(np.random.default_rng(looks[-1]), (draws, looks[-1]))  # fixed: an audit is the same twice


def _coarsest(looks: Looks, draws: int) -> float:
    """The largest of `_SIZES` up to which rounding leaves the rate within the limit; by bisection, as it only grows."""
    low, high = 0, len(_SIZES)
    while low < high:
        middle = (low + high) // 2
        if miss_rate(rounded([_SIZES[middle]]), looks, draws) > LIMIT:
            high = middle
        else:
            low = middle + 1
    return _SIZES[low - 1] if low else 0.0


def _power(looks: Looks, subjects: Sequence[Subject]) -> Power:
    noise = _series(normal, looks, _POWER_DRAWS)
    by_shift = tuple(100 * float(decided(noise + shift, _ABOVE, 0.0, looks)[0].mean()) for shift in SHIFTS)
    planted = [found for subject in subjects if (found := planted_margins(subject)) is not None]
    by_margin = tuple(sum(column) / len(planted) for column in zip(*planted, strict=True))
    return Power(looks, by_shift, by_margin, len(planted))


def planted_margins(subject: Subject) -> tuple[float, ...] | None:
    """How often, in percent, shifts of `MARGINS` are judged rightly in the A/A series of an effect.

    None for an effect without margin, or with too few seeds for the first look.
    """
    expect, margin = subject.effect.expect, subject.effect.margin
    fewer = tuple(look - 1 for look in subject.tier.looks if look <= len(subject.values))
    if not margin or not fewer or fewer[0] < 2:
        return None
    series = recursive_residuals(orders(subject.values, _ORDERS))
    sign = 1.0 if expect.relation == ">" else -1.0
    found = []
    for shift in MARGINS:
        yes, no = decided(expect.target + sign * shift * margin + series, expect, margin, fewer)
        found.append(100 * float((yes if shift else no).mean()))
    return tuple(found)
