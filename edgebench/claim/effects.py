"""What a claim file says of an effect: its value and what is expected of it, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edgebench import plugins
from edgebench.claim.claim import Effect, Tier
from edgebench.claim.configured import is_setting, setting_names, setting_value
from edgebench.claim.expression import Expression, parse
from edgebench.claim.folds import is_folds, metric_of
from edgebench.claim.latency import check_ratio
from edgebench.claim.lengths import misread
from edgebench.claim.metrics import EXACT_KINDS, METHOD_METRICS, METRICS, PATH_METRICS
from edgebench.claim.models import EffectFile
from edgebench.claim.nodes import Node
from edgebench.claim.problems import Mark, Problem
from edgebench.claim.quantity import check_directions, unit_of
from edgebench.claim.settings import Kind, LatencySettings, Settings, TrainSettings
from edgebench.claim.tiers import entries
from edgebench.claim.validation import validate
from edgebench.errors import EdgebenchError
from edgebench.judge.expectation import Expectation, parse_expectation

_EFFECT = re.compile(r"[a-z0-9][a-z0-9-]*\Z")

# Measures that not every arm of their kind has.
_CONDITIONAL = (*METHOD_METRICS, *PATH_METRICS, "batch_ms")


def read_effects(
    case: Node, kind: Kind, claim: Any, tiers: Mapping[str, Tier], problems: list[Problem]
) -> dict[str, Effect]:
    """The effects of a case, as far as they can be used; what is wrong with them is appended to `problems`.

    Args:
        case: the claim's node, a case of the matrix laid over it.
        claim: the validated claim, None when it is not valid.
        tiers: the case's tiers, whose arms have to give what an effect reads.
    """
    effects: dict[str, Effect] = {}
    for key, here in entries(case, "effects").items():
        if (effect := _effect(key, here, case, kind, claim, tiers, problems)) is not None:
            effects[key] = effect
            _check_given(effect, tiers, here.keys["value"], problems)
    return effects


def check_name(key: str, mark: Mark, problems: list[Problem]) -> None:
    """Report a name that cannot be that of an effect, which stands in test ids."""
    if not _EFFECT.match(key):
        expected = "lower-case letters, digits and hyphens"
        problems.append(Problem(mark, f"'{key}' cannot be an effect's name; expected {expected}"))


def read_expectation(here: Node, kind: Kind, problems: list[Problem]) -> Expectation | None:
    """What is expected of an effect or trend; None, with its problem, when that cannot be told."""
    text = here.get("expect")
    if text is None or not isinstance(text.value, str) or not text.value:
        return None
    try:
        expect = parse_expectation(text.value)
    except EdgebenchError as error:
        _report(here.keys["expect"], error, problems)
        return None
    if expect.relation == "==" and kind not in EXACT_KINDS:
        what = "trained" if kind in ("train", "detect") else "timed"
        message = f"'==' cannot be expected of a {what} quantity; expected '~ x ± y'"
        problems.append(Problem(here.keys["expect"], message))
    margin = here.get("margin")
    if margin is not None and margin.value and expect.relation in ("~", "=="):
        message = f"a margin has no meaning beside '{expect.relation}'"
        problems.append(Problem(here.keys["margin"], message))
    return expect


def _effect(
    key: str,
    here: Node,
    case: Node,
    kind: Kind,
    claim: Any,
    tiers: Mapping[str, Tier],
    problems: list[Problem],
) -> Effect | None:
    mark = case.value["effects"].keys[key]
    check_name(key, mark, problems)
    if not here.is_mapping:
        return None
    readable = frozenset(METRICS[kind]) | setting_names(kind) | _added(tiers)
    arms = dict.fromkeys(entries(case, "arms"), readable)
    value = _value(here, arms, kind, problems) if arms else None
    expect = read_expectation(here, kind, problems)
    file: EffectFile | None = claim.effects[key] if claim is not None else validate(EffectFile, here, [])
    if file is None or value is None or expect is None:
        return None
    unit = file.unit if file.unit is not None else unit_of(value, kind)
    return Effect(key, value, expect, file.margin, file.published, unit, file.note, mark)


def _added(tiers: Mapping[str, Tier]) -> frozenset[str]:
    """The metrics of other packages that arms measure, as effects write them."""
    arms = [settings for tier in tiers.values() for settings in tier.arms.values()]
    return frozenset(name for settings in arms for name in _measured(settings))


def _measured(settings: Settings) -> list[str]:
    names = settings.measure if isinstance(settings, TrainSettings) else None
    return [plugins.metric_name(name) for name in names or ()]


def _value(
    effect: Node, arms: Mapping[str, frozenset[str]], kind: Kind, problems: list[Problem]
) -> Expression | None:
    text = effect.get("value")
    if text is None or not isinstance(text.value, str) or not text.value:
        return None
    try:
        value = parse(text.value, arms)
        if kind == "latency":
            check_ratio(value)
        check_directions(value, kind)
        return value
    except EdgebenchError as error:
        _report(effect.keys["value"], error, problems)
        return None


def _check_given(effect: Effect, tiers: Mapping[str, Tier], mark: Mark, problems: list[Problem]) -> None:
    """Report an effect that reads what one of its arms has not: a setting left open, a measure of other settings, an
    epoch that may not come."""
    for arm, name in effect.value.references:
        for tier in tiers.values():
            settings = tier.settings(arm)
            if settings is not None and (lacking := lacking_metric(tier, settings, arm, name)) is not None:
                problems.append(Problem(mark, *lacking))
                return
    for tier in tiers.values():
        if (short := misread(effect.value, tier)) is not None:
            problems.append(Problem(mark, *short))
            return


def lacking_metric(tier: Tier, settings: Settings, arm: str, name: str) -> tuple[str, str | None] | None:
    """Why an arm does not have at a tier what an effect or floor reads of it, and what could be done; else None."""
    if is_setting(name):
        # Which fold it is, is open of all of them together.
        every = arm in tier.folds and name == "settings.data.fold"
        if every or setting_value(settings, name) is None:
            return f"the arm '{arm}' leaves '{name}' open at tier {tier.name}; expected a number", None
        return None
    if is_folds(name) and arm not in tier.folds:
        message = f"'{name}' is measured where an arm is cross-validated, unlike '{arm}' at tier {tier.name}"
        return message, "give it folds and no fold, such as 'data: {folds: 6}'"
    if name.startswith("curve.") and arm in tier.folds:
        count = len(tier.folds[arm])
        message = (
            f"the arm '{arm}' has {count} folds with a curve each at tier {tier.name}; expected a number"
        )
        return message, "an arm of one fold has one, such as 'data: {folds: 6, fold: 1}'"
    metric = metric_of(name)
    if metric not in METRICS["train"] and isinstance(settings, TrainSettings):
        if metric in _measured(settings):
            return None
        return (
            f"the arm '{arm}' does not measure '{metric}' at tier {tier.name}",
            "list it under its 'measure'",
        )
    if metric not in _CONDITIONAL:
        return None
    if metric in PATH_METRICS:
        if isinstance(settings, TrainSettings) and (
            settings.model.name != "dual-input" or settings.model.paths == 1
        ):
            needs = f"'{metric}' is measured of a network of two paths with outputs of their own"
            message = f"{needs}; the arm '{arm}' has another at tier {tier.name}"
            return message, "that is 'model: dual-input'"
        return None
    if isinstance(settings, LatencySettings) and settings.augment is None:
        needs = f"'{metric}' is measured where a step prepares its batch"
        message = f"{needs}; the arm '{arm}' has no 'augment' at tier {tier.name}"
        return message, "give it one, such as 'augment: {flip: true}'"
    if isinstance(settings, TrainSettings) and settings.method is None:
        needs = f"'{metric}' is measured where a 'method' trains"
        return (
            f"{needs}; the arm '{arm}' has none at tier {tier.name}",
            "give it one, such as 'method: ft-all'",
        )
    return None


def _report(mark: Mark, error: EdgebenchError, problems: list[Problem]) -> None:
    message = f"{error.found}; expected {error.expected}" if error.expected else error.found
    problems.append(Problem(mark, message, error.hint))
