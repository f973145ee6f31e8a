"""How an effect that is not decided yet will probably end: a simulation of the seeds that are still to come.

What is known are the values of the first seeds, which stand, and values that tell something of mean and spread alone
(of a baseline that was recorded elsewhere). Under a flat prior on the mean and on the logarithm of the standard
deviation, n values with mean m and standard deviation s leave

    σ² ~ (n - 1) s² / χ²(n - 1),    μ ~ N(m, σ² / n)

(Gelman et al., Bayesian Data Analysis, section 3.2). For each of many draws of (μ, σ) the missing seeds are drawn, and
looked at as `edgebench.judge.verdict` does, at the same looks and the same corrected level. Two values already give a
forecast, and an honest one: with one degree of freedom it says little more than that nothing is known.

Not foreseen are a reference arm that misses its floor, and outliers that no normal distribution has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebench.judge.expectation import Expectation
from edgebench.judge.statistics import critical_t, mean_and_spread, pocock_level
from edgebench.judge.verdict import ROUNDING, Outcome, Verdict, judge_seeds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

DRAWS = 4000  # the standard error of a probability is then 0.8 points at most


@dataclass(frozen=True)
class Forecast:
    """What is expected of an effect.

    Attributes:
        reproduced, contradicted, inconclusive: their probabilities.
        seeds: expected number of seeds that the verdict will rest on.
        decided: for each look, the chance that there is a verdict by then; 1 at the last, which always gives one, if
            only `inconclusive`.
        half_width: for each look, the expected (median) half-width of its interval in the effect's unit, whether or
            not an earlier look decides.
    """

    reproduced: float
    contradicted: float
    inconclusive: float
    seeds: float
    decided: tuple[float, ...]
    half_width: tuple[float, ...]


def forecast(
    observed: Sequence[float],
    elsewhere: Sequence[float],
    expectation: Expectation,
    margin: float,
    looks: Sequence[int],
    *,
    draws: int = DRAWS,
) -> Forecast | None:
    """What is to be expected of a stochastic effect; the same every time for the same values.

    Args:
        observed: the effect's values at the first seeds, on which the verdict will rest.
        elsewhere: further values of the same effect, independent of those; they tell of mean and spread only.
        expectation, margin, looks: as in `judge_seeds`.
        draws: how many continuations are simulated.

    Returns:
        None when there is nothing to go by: no verdict yet, and fewer than two values in all, or none that differ.

    Raises:
        ExpressionError, SettingsError: as `judge_seeds`.
    """
    verdict = judge_seeds(observed, expectation, margin, looks)
    values = (*observed, *elsewhere)
    mean, spread = mean_and_spread(values) if len(values) > 1 else (0.0, 0.0)
    if isinstance(verdict, Verdict):
        return _known(verdict, observed, spread, looks)
    if spread == 0:  # no posterior: values that agree by chance say nothing of how far others will differ
        return None
    return _simulated(observed, (mean, spread, len(values)), expectation, margin, looks, draws)


def _known(verdict: Verdict, observed: Sequence[float], spread: float, looks: Sequence[int]) -> Forecast:
    """The forecast of a verdict that is there already."""
    level = pocock_level(tuple(looks))
    widths = []
    for look in looks:  # beyond the values that are there, the spread is taken to stay as it is
        seen = mean_and_spread(observed[:look])[1] if look <= len(observed) else spread
        widths.append(critical_t(look - 1, level) * seen / math.sqrt(look))
    return Forecast(
        reproduced=float(verdict.outcome is Outcome.reproduced),
        contradicted=float(verdict.outcome is Outcome.contradicted),
        inconclusive=float(verdict.outcome is Outcome.inconclusive),
        seeds=verdict.n,
        decided=tuple(float(look >= verdict.n) for look in looks),
        half_width=tuple(widths),
    )


def _simulated(
    observed: Sequence[float],
    known: tuple[float, float, int],
    expectation: Expectation,
    margin: float,
    looks: Sequence[int],
    draws: int,
) -> Forecast:
    import numpy as np

    values = _continuations(observed, *known, looks[-1], draws)
    level = pocock_level(tuple(looks))
    open_ = np.ones(draws, bool)
    reproduced = contradicted = seeds = 0.0
    decided: list[float] = []
    widths: list[float] = []
    before = 0
    for look in looks:
        low, high = intervals(values[:, :look], level)
        widths.append(float(np.median(high - low)) / 2)
        seeds += float(open_.mean()) * (look - before)
        before = look
        if look > len(
            observed
        ):  # looks before did not decide: that is a fact, and no rounding here may change it
            yes, no = decisions(low, high, expectation, margin)
            reproduced += float((open_ & yes).mean())
            contradicted += float((open_ & no).mean())
            open_ &= ~(yes | no)
        decided.append(1.0 - float(open_.mean()))
    inconclusive = float(open_.mean())
    return Forecast(reproduced, contradicted, inconclusive, seeds, (*decided[:-1], 1.0), tuple(widths))


def _continuations(
    observed: Sequence[float], mean: float, spread: float, n: int, last: int, draws: int
) -> Floats:
    """Values at all seeds to the last look, [draws, last]: those observed, then those drawn."""
    import numpy as np

    random = np.random.default_rng(20)  # fixed, so that a plan is the same twice
    sigma = spread * np.sqrt((n - 1) / random.chisquare(n - 1, draws))
    mu = mean + sigma / math.sqrt(n) * random.standard_normal(draws)
    noise = random.standard_normal((draws, last - len(observed)))
    facts = np.broadcast_to(np.asarray(observed, float), (draws, len(observed)))
    return np.concatenate([facts, mu[:, None] + sigma[:, None] * noise], axis=1)


def intervals(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Student-t intervals of each row: low and high, [draws]."""
    import numpy as np

    n = values.shape[1]
    mean = values.mean(axis=1)
    half = critical_t(n - 1, level) / math.sqrt(n) * np.std(values, axis=1, ddof=1)
    return mean - half, mean + half


def decisions(low: Floats, high: Floats, expectation: Expectation, margin: float) -> tuple[Flags, Flags]:
    """Which intervals decide for `reproduced` and which for `contradicted`: the rules of `judge_seeds`, for arrays."""
    target = expectation.target
    if expectation.band is not None:
        bottom, top = target - expectation.band, target + expectation.band
        inside = ~_below(low, bottom, target) & ~_below(top, high, target)
        return inside, _below(high, bottom, target) | _below(top, low, target)
    if expectation.relation == "<":  # larger values in the claimed direction
        low, high, target = -high, -low, -target
    return _below(target + margin, low, target), _below(high, target + margin, target)


def _below(a: Floats | float, b: Floats | float, target: float) -> Flags:
    """a < b by more than the rounding of numbers of this size."""
    import numpy as np

    return b - a > ROUNDING * np.maximum(np.maximum(np.abs(a), np.abs(b)), abs(target))
