"""Noise like that of the stored seeds: how heavy its tails are, and how coarsely it is rounded.

A Student-t interval is exact for normal noise. Trainings need not be normal, and shares of a few hundred test images
come in steps. Both are estimated from the stored seeds, each effect in units of its own standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from edgebench.judge.audit.subject import Subject
from edgebench.judge.statistics import mean_and_spread

if TYPE_CHECKING:
    import numpy as np

    from edgebench.judge.forecast import Floats

_FREEDOMS = (3, 4, 5, 6, 8, 10, 15, 20, 30)  # of Student's t: from heavy tails to hardly any
_LEAST = 5  # seeds that say something of tails: three have the same kurtosis whatever they are
_DRAWS = 20_000
# What nine written digits leave of a step, as a share of the largest difference.
_WRITTEN = 1e-6
Draw = Callable[["np.random.Generator", tuple[int, int]], "Floats"]


@dataclass(frozen=True)
class Tails:
    """How heavy the tails of the stored noise are.

    Attributes:
        excess: mean over the effects of their kurtosis less what normal noise gives at as many seeds.
        error: its standard error.
        freedom: degrees of freedom of the Student-t noise whose excess is `excess` and two errors more: tails as heavy
            as the stored seeds allow.
    """

    excess: float
    error: float
    freedom: int
    effects: int


def tails(subjects: Sequence[Subject]) -> Tails | None:
    """The tails of the noise of some effects; None where none has enough seeds."""
    found = [subject.values for subject in subjects if len(subject.values) >= _LEAST and _varies(subject)]
    if len(found) < 2:
        return None
    excesses = [_kurtosis(values) - _expected(len(values), None) for values in found]
    mean, spread = mean_and_spread(excesses)
    error = spread / math.sqrt(len(found))

    def excess(freedom: int) -> float:
        each = (_expected(len(values), freedom) - _expected(len(values), None) for values in found)
        return math.fsum(each) / len(found)

    heaviest = [freedom for freedom in _FREEDOMS if excess(freedom) >= mean + 2 * error]
    return Tails(mean, error, max(heaviest, default=_FREEDOMS[0]), len(found))


def steps(subjects: Sequence[Subject]) -> list[tuple[Subject, float]]:
    """Of each effect whose seeds differ, the step of its values in its standard deviations; 0 where there is none.

    The step is the greatest common divisor of all differences between the seeds of the claim's effects that share unit
    and tier: of few seeds alone it would come out too large.
    """
    groups: dict[tuple[str, str, str], list[Subject]] = {}
    for subject in subjects:
        if not subject.exact and _varies(subject):
            groups.setdefault((subject.claim.id, subject.tier.name, subject.effect.unit), []).append(subject)
    found = []
    for group in groups.values():
        differences = [b - a for subject in group for a, b in pairwise(sorted(set(subject.values)))]
        step = common_step(differences)
        found += [(subject, step / mean_and_spread(subject.values)[1]) for subject in group]
    return found


def common_step(differences: Sequence[float]) -> float:
    """The greatest number of which all differences are multiples, up to rounding; 0 where there is none."""
    largest = max(differences)
    step = largest
    for each in differences:
        a, b = max(step, each), min(step, each)
        while b > _WRITTEN * largest:
            a, b = b, abs(a - b * round(a / b))
        step = a
    # Of any numbers something this small is a divisor.
    return step if step > 100 * _WRITTEN * largest else 0.0


def normal(random: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Normal noise."""
    return random.standard_normal(shape)


def heavy(freedom: int) -> Draw:
    """Student-t noise."""
    return lambda random, shape: random.standard_t(freedom, shape)


def rounded(sizes: Sequence[float]) -> Draw:
    """Normal noise rounded to steps, each series to one of these sizes (in standard deviations), the mean anywhere
    between two steps."""

    def draw(random: np.random.Generator, shape: tuple[int, int]) -> Floats:
        import numpy as np

        step = np.maximum(random.choice(np.asarray(sizes), (shape[0], 1)), 1e-9)
        place = random.uniform(0.0, 1.0, (shape[0], 1)) * step
        values: Floats = step * np.round((random.standard_normal(shape) + place) / step) - place
        return values

    return draw


def _varies(subject: Subject) -> bool:
    return not subject.exact and min(subject.values) != max(subject.values)


def _kurtosis(values: Sequence[float]) -> float:
    mean, _ = mean_and_spread(values)
    squares = [(value - mean) ** 2 for value in values]
    return len(values) * math.fsum(square * square for square in squares) / math.fsum(squares) ** 2


@lru_cache(maxsize=256)
def _expected(n: int, freedom: int | None) -> float:
    """Mean kurtosis of n values of Student-t noise, or with None of normal noise, by simulation."""
    import numpy as np

    random = np.random.default_rng(n)
    shape = (_DRAWS, n)
    values = random.standard_normal(shape) if freedom is None else random.standard_t(freedom, shape)
    squares = (values - values.mean(axis=1, keepdims=True)) ** 2
    return float(np.mean(n * np.sum(squares**2, axis=1) / np.sum(squares, axis=1) ** 2))
