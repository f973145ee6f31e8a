"""A/A: how often the judge decides although nothing differs, on the noise of the stored seeds themselves.

Nothing differs where the true mean is known. The seeds of an effect are exchangeable, so that contrasts between them
have a mean of exactly zero, whatever the effect and whatever the noise. Of n seeds in random order the *recursive
residuals* (Brown, Durbin and Evans, JRSS B 37, 1975, equation 2)

    w_k = (d_(k+1) - mean(d_1 … d_k)) · √(k / (k + 1)),    k = 1 … n - 1

are n - 1 values of mean zero, equal variance and no correlation, which keep the tails, the rounding and the order of
looking. They are judged by the real judge at one seed less than the tier's looks, around the very limit of the claim:
there any decision, in either direction, is false, and that should happen in 5 % of cases over all looks.

What else could be done with few seeds is not sound. Flipped signs of the differences themselves take the effect for
noise. Flipped signs of centred differences cannot fail: three of them that sum to zero never reach |t| = 4.0, where
4.3 decides. Halves of the seeds leave two or three. Drawing seeds with replacement repeats them, and takes the repeats
for certainty. Where there are ten seeds, halves are compared, too: one recorded as a baseline, the other held to it.

Effects of which no seed differs have no noise, and are left out. The choice of what went on to a second look is part of
the stored values, and makes their noise slightly unlike that of all seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from edgebench.judge.audit.rules import decided, disagreements
from edgebench.judge.audit.subject import Subject, edge
from edgebench.judge.baseline import compare, derive
from edgebench.judge.statistics import Interval, paired_interval
from edgebench.judge.verdict import Pending, judge_seeds

if TYPE_CHECKING:
    from edgebench.judge.forecast import Floats

LIMIT = 5.5  # %: the level of 5 % and what estimating it may add
SERIES = 120  # orders of the seeds of an effect; all there are of five
HALVES = 20
_CHECKED = 4
_KNOWN = 1.0  # points to either side, within which a rate is known
_HALF = 5  # seeds of a half that can be judged


@dataclass(frozen=True)
class Rate:
    """How often something false was decided, in percent.

    Attributes:
        effects: how many it is the mean over.
        low, high: 95 % interval of the mean over the effects; none for fewer than two. Effects that share arms are not
            independent, so it is rather too narrow.
    """

    rate: float
    effects: int
    series: int
    low: float | None
    high: float | None

    @property
    def above(self) -> bool:
        """Whether it is above the limit: for certain, or where it is known to a point, at all.

        Few effects say little: their rate may well be 7 % by chance.
        """
        if self.low is None or self.high is None:
            return False
        return self.low > LIMIT or (self.rate > LIMIT and self.high - self.low <= 2 * _KNOWN)


@dataclass(frozen=True)
class Splits:
    """False decisions on stored differences.

    Attributes:
        overall: of all effects together.
        by_looks: for each schedule of looks as far as the stored seeds go.
        halves: verdicts of one half of the seeds that contradict the other's; None where no effect has enough seeds.
        constant: effects of which no seed differs, which are left out.
        too_few: effects with too few seeds for the first look.
        disagreements: series that the judge itself judges otherwise (`edgebench.judge.audit.rules`).
    """

    overall: Rate
    by_looks: dict[tuple[int, ...], Rate]
    halves: Rate | None
    constant: int
    too_few: int
    disagreements: int


def splits(subjects: Sequence[Subject]) -> Splits | None:
    """The false decisions on some effects; None when none of them has seeds that differ.

    Args:
        subjects: effects, of which the exact ones are left aside.
    """
    by_looks: dict[tuple[int, ...], list[tuple[float, int]]] = {}
    halves: list[tuple[float, int]] = []
    constant = too_few = wrong = 0
    for subject in subjects:
        if subject.exact:
            continue
        looks = tuple(look for look in subject.tier.looks if look <= len(subject.values))
        if min(subject.values) == max(subject.values):
            constant += 1
        elif not looks or looks[0] < 3:  # one seed less has to leave two
            too_few += 1
        else:
            share, series, otherwise = false_decisions(subject, looks)
            by_looks.setdefault(looks, []).append((share, series))
            wrong += otherwise
            if len(subject.values) >= 2 * _HALF:
                halves.append(_turned(subject))
    if not by_looks:
        return None
    return Splits(
        overall=_rate([each for of in by_looks.values() for each in of]),
        by_looks={looks: _rate(by_looks[looks]) for looks in sorted(by_looks)},
        halves=_rate(halves) if halves else None,
        constant=constant,
        too_few=too_few,
        disagreements=wrong,
    )


def false_decisions(subject: Subject, looks: tuple[int, ...]) -> tuple[float, int, int]:
    """The share of A/A series of an effect that are decided, how many series there were, and with how many of those
    that are judged twice the judge itself disagrees."""
    expect, margin = subject.effect.expect, subject.effect.margin
    series = edge(expect, margin) + recursive_residuals(orders(subject.values, SERIES))
    fewer = tuple(look - 1 for look in looks)
    yes, no = decided(series, expect, margin, fewer)
    return float((yes | no).mean()), len(series), disagreements(series, expect, margin, fewer, _CHECKED)


def recursive_residuals(values: Floats) -> Floats:
    """Rows of one value less than given, of mean zero and the same variance, whatever the mean of the values."""
    import numpy as np

    k = np.arange(1, values.shape[1])
    means = np.cumsum(values, axis=1)[:, :-1] / k
    return (values[:, 1:] - means) * np.sqrt(k / (k + 1))


def orders(values: Sequence[float], most: int) -> Floats:
    """The values in all orders, or in `most` random ones where there are more, one a row."""
    import numpy as np

    row = np.asarray(values, float)
    if math.factorial(len(values)) <= most:
        return row[list(permutations(range(len(values))))]
    random = np.random.default_rng(len(values))  # fixed, so that an audit is the same twice
    return random.permuted(np.tile(row, (most, 1)), axis=1)


def _turned(subject: Subject) -> tuple[float, int]:
    """The share of splits into halves of which one decides against the other, and how many splits there were."""
    expect, margin = subject.effect.expect, subject.effect.margin
    turned = total = 0
    for order in orders(subject.values, HALVES).tolist():
        halves = order[:_HALF], order[_HALF : 2 * _HALF]
        first, second = (judge_seeds(half, expect, margin, (_HALF,)) for half in halves)
        assert not isinstance(first, Pending), "it has one look, which is reached"
        assert not isinstance(second, Pending), "it has one look, which is reached"
        # Another sample of the same noise is what another machine gives.
        turned += compare(second, derive(first), same_machine=False).flipped
        total += 1
    return turned / total, total


def _rate(shares: Sequence[tuple[float, int]]) -> Rate:
    percent = [100 * share for share, _ in shares]
    interval: Interval | None = paired_interval(percent, 0.05) if len(percent) > 1 else None
    return Rate(
        rate=sum(percent) / len(percent),
        effects=len(percent),
        series=sum(count for _, count in shares),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )
