"""An effect's value per seed, from the measurements of the arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from edgebench.claim.claim import Claim, Effect, Tier
from edgebench.claim.configured import is_setting, setting_value
from edgebench.claim.curves import DivergedCurve
from edgebench.claim.expression import Value
from edgebench.claim.folds import is_folds, metric_of
from edgebench.claim.metrics import worst
from edgebench.claim.settings import DetectSettings, LatencySettings, Settings, TrainSettings
from edgebench.errors import ExpressionError
from edgebench.judge.verdict import Pending, Verdict, invalid_verdict, judge_exact, judge_seeds
from edgebench.run.record import Measured

Observations = Mapping[tuple[str, int], Measured]  # by (arm, index of the seed)


def effect_values(effect: Effect, tier: Tier, observed: Observations, seeds: Sequence[int]) -> list[float]:
    """The effect's value for each seed, every arm taken at that seed.

    Raises:
        ExpressionError: when it cannot be evaluated (a division by zero, a metric the trial did not return).
    """

    def value_at(seed: int) -> float:
        return effect.value.evaluate(
            lambda arm, name: (
                _configured(tier, arm, name) if is_setting(name) else _value(tier, observed, arm, seed, name)
            )
        )

    return [value_at(seed) for seed in seeds]


def _configured(tier: Tier, arm: str, name: str) -> float:
    settings = tier.settings(arm)
    value = setting_value(settings, name) if settings is not None else None
    if value is None:  # the loader has refused it
        raise ExpressionError(f"the arm '{arm}' has no '{name}' at tier {tier.name}")
    return value


def _value(tier: Tier, observed: Observations, arm: str, seed: int, name: str) -> Value:
    """What an arm measured at a seed: of a cross-validated one the mean over its folds, or the value of each."""
    metric = metric_of(name)
    parts = [_read(observed[part, seed], tier.arms[part], part, metric) for part in tier.parts(arm)]
    if arm not in tier.folds:
        return parts[0]
    # The loader refuses curves of cross-validated arms, so all of them are numbers.
    values = tuple(value for value in parts if isinstance(value, float))
    return values if is_folds(name) else fmean(values)


def _read(measured: Measured, settings: Settings, arm: str, metric: str) -> Value:
    """A metric or curve of an arm; a diverged arm counts with its worst value, never as a dropped seed."""
    name = metric.removeprefix("curve.")
    if metric.startswith("curve."):
        curve = measured.curves.get(name)
        if (
            measured.diverged
            and isinstance(settings, TrainSettings | DetectSettings)
            and (fill := worst(metric)) is not None
        ):
            seen = curve or ()
            return DivergedCurve((*seen, *[fill] * (settings.planned_epochs - len(seen))))
        if curve is not None:
            return curve
    else:
        if measured.diverged and (fill := worst(metric)) is not None:
            return fill
        if measured.diverged and metric == "epochs" and isinstance(settings, TrainSettings):
            return float(settings.planned_epochs)  # it has not stopped early by being lost early
        # A trial of latency has the metrics of all arms.
        key = f"{arm}/{metric}" if isinstance(settings, LatencySettings) else metric
        if key in measured.metrics:
            return float(measured.metrics[key])
    raise ExpressionError(f"the trials of arm '{arm}' did not measure '{metric}'")


def judge_effect(
    effect: Effect, claim: Claim, tier: Tier, observed: Observations, n: int
) -> Verdict | Pending:
    """Judge one effect from the first `n` seeds (the one exact value where nothing depends on a seed).

    Reference arms must reach the tier's floors on the seeds used, else the comparison means nothing: `invalid`.

    Raises:
        ExpressionError: when the effect cannot be evaluated.
    """
    if claim.exact:
        (value,) = effect_values(effect, tier, observed, (0,))
        return judge_exact(value, effect.expect, effect.margin)
    try:
        values = effect_values(effect, tier, observed, range(n))
    except ExpressionError:
        # A reference that collapsed is what is wrong, not the division that it made impossible.
        if (reason := below_floor(claim, tier, observed, n)) is not None:
            return invalid_verdict(reason)
        raise
    verdict = judge_seeds(values, effect.expect, effect.margin, tier.looks)
    used = verdict.n if isinstance(verdict, Verdict) else n
    if (reason := below_floor(claim, tier, observed, used)) is not None:
        return invalid_verdict(reason, values[:used])
    return verdict


def judge_stored(
    effect: Effect, claim: Claim, tier: Tier, observed: Observations, seeds: int
) -> Verdict | None:
    """The verdict that a run would have come to that found the first `seeds` seeds, and no more; None where it would
    have gone on.

    Raises:
        ExpressionError: as `judge_effect`.
    """
    for look in (1,) if claim.exact else tier.looks:
        if look <= seeds:
            verdict = judge_effect(effect, claim, tier, observed, look)
            if isinstance(verdict, Verdict):
                return verdict
    return None


def below_floor(claim: Claim, tier: Tier, observed: Observations, n: int) -> str | None:
    """Why a reference arm misses its sanity floor over the first `n` seeds, or None when all reach theirs.

    A reference that diverged at any seed misses every floor: its worst value would pass for a gain of the other arm.
    """
    for arm, floors in claim.floors(tier).items():
        parts = tier.parts(arm)
        lost = sum(any(observed[part, seed].diverged for part in parts) for seed in range(n))
        if lost:
            return f"the reference arm '{arm}' diverged at {lost} of {n} seeds"
        for metric, floor in floors.items():
            values = [_value(tier, observed, arm, seed, metric) for seed in range(n)]
            # The loader refuses a floor for a curve, so all of them are numbers.
            mean = sum(value for value in values if isinstance(value, float)) / n
            if mean < floor:
                found = f"{metric} {mean:.4g} on average, below its floor of {floor:g}"
                return f"the reference arm '{arm}' has {found}"
    return None


def arms_to_run(effect: Effect, claim: Claim, tier: Tier) -> tuple[str, ...]:
    """The arms whose trials the effect's verdict needs: those it reads, and those that must reach a floor."""
    arms = {part for arm in (*effect.arms, *claim.floors(tier)) for part in tier.parts(arm)}
    return tuple(arm for arm in tier.arms if arm in arms)  # in the claim's order, so that plans are stable
