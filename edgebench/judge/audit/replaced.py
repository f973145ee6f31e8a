"""What other metrics and other arms measured, to be judged in place of an effect's own.

Without a store the values of a claim's other effects are known: of the same arms they are another metric, of the same
metric another arm. They are *telling* where the paper says something of them that does not satisfy the effect, and they
are as it says; that others satisfy it as well, says nothing against it. With a store every arm of the tier is known,
and every metric of the effect's arms; of these all are telling together.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgebench.claim.configured import is_setting
from edgebench.claim.expression import Expression
from edgebench.claim.folds import is_folds, metric_of
from edgebench.claim.metrics import METRICS
from edgebench.errors import ExpressionError
from edgebench.judge.audit.algebra import with_arms, with_metric
from edgebench.judge.audit.subject import Subject, limits
from edgebench.judge.effects import effect_values
from edgebench.judge.verdict import Outcome


@dataclass
class Found:
    """Values to judge in place of an effect's own, by what they are of.

    Attributes:
        telling: those that must not satisfy the effect, were the paper right.
    """

    values: dict[str, Sequence[float]] = field(default_factory=dict)
    telling: list[str] = field(default_factory=list)


def replacements(subject: Subject, others: Sequence[Subject]) -> dict[str, Found]:
    """Other metrics of the effect's arms, and for an effect of a single arm the other arms."""
    found = {"metric": Found()}
    if len(subject.effect.arms) == 1:
        found["arm"] = Found()
    for other in others:
        kind = _in_place_of(subject, other)
        if kind is None or subject.judged(other.values) is None:
            continue
        name = (
            other.effect.arms[0]
            if kind == "arm" and other.case is subject.case
            else other.name.split("::")[1]
        )
        telling = other.judged(other.values) is Outcome.reproduced and not _as_much(subject, other)
        _add(found[kind], name, other.values, telling=telling)
    if subject.observed:
        for name, value in _other_metrics(subject):
            _add(found["metric"], name, measured_values(subject, value), telling=True)
        for arm in subject.tier.arms if "arm" in found else ():
            if arm not in found["arm"].values and arm not in subject.effect.arms:
                value = with_arms(subject.effect.value, {subject.effect.arms[0]: arm})
                _add(found["arm"], arm, measured_values(subject, value), telling=False)
    return found


def measured_values(subject: Subject, value: Expression) -> list[float] | None:
    """Another expression at the seeds of the effect, from what the store has; None where it has not all of it."""
    if not subject.observed:
        return None
    try:
        return effect_values(
            replace(subject.effect, value=value), subject.tier, subject.observed, range(len(subject.values))
        )
    except (ExpressionError, KeyError):  # not measured of these arms, or not at all seeds
        return None


def _as_much(subject: Subject, other: Subject) -> bool:
    """Whether the paper's number for the other effect, or where it gives none something that it expects of it, is what
    satisfies this one."""
    low, high = limits(subject.effect)
    said = other.effect.published
    its_low, its_high = limits(other.effect) if said is None else (said, said)
    return its_low <= high and its_high >= low


def _add(found: Found, name: str, values: Sequence[float] | None, *, telling: bool) -> None:
    if values is not None:
        found.values[name] = values
        if telling:
            found.telling.append(name)


def _other_metrics(subject: Subject) -> list[tuple[str, Expression]]:
    """The effect's expression with every metric in place of one of its own that is of the same sort."""
    value = subject.effect.value
    own = dict.fromkeys(name for _, name in value.references if not is_setting(name))
    found = []
    for old in own:
        folds = "folds." if is_folds(old) else ""
        for new in METRICS[subject.claim.kind]:
            same_sort = new.startswith("curve.") == metric_of(old).startswith("curve.")
            if same_sort and folds + new not in own and not (folds and new.startswith("curve.")):
                found.append(
                    (
                        f"{folds}{new}" if len(own) == 1 else f"{folds}{new} for {old}",
                        with_metric(value, old, folds + new),
                    )
                )
    return found


def _in_place_of(subject: Subject, other: Subject) -> str | None:
    """As what the other effect's values can stand for the effect's: `metric`, `arm`, or nothing."""
    own, its = subject.effect.value, other.effect.value
    if other is subject or other.tier.name != subject.tier.name:
        return None
    if other.case.id == subject.case.id and other.effect.arms == subject.effect.arms:
        return "metric" if _metrics(own) != _metrics(its) else None
    if len(subject.effect.arms) == len(other.effect.arms) == 1:
        renamed = with_arms(its, {other.effect.arms[0]: subject.effect.arms[0]})
        elsewhere = (other.case.id, other.effect.arms) != (subject.case.id, subject.effect.arms)
        return "arm" if elsewhere and ast.dump(renamed.tree) == ast.dump(own.tree) else None
    return None


def _metrics(value: Expression) -> set[str]:
    return {name for _, name in value.references if not is_setting(name)}
