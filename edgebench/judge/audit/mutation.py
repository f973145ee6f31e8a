"""Claim mutation: whether an effect would be judged otherwise if it claimed something else.

An effect that is reproduced whatever it says is *vacuous*. Each is therefore changed in several ways, one at a time,
and judged again on the same values. What has to change the verdict:

- `direction`: `>` becomes `<` and the reverse; a stated value is moved beyond its band to either side.
- `margin`: the limit is moved past the measured value, or a band drawn in until it leaves it out. (The margin times 2
  and times 0 are judged as well, and counted: they tell how much room a verdict has, and need not change it.)
- `arms swapped`: the arms exchange what was measured of them; of more than two, one exchange has to change it.
- `arms alike`: all arms have what was measured of the first, as with a metric in which they do not differ.
- `metric`: another metric takes the place of the effect's: the values of another effect of the same arms, or with a
  store every metric that its arms have. One of them has to change the verdict.
- `arm`: an effect of one arm is judged on another arm's value; again one has to change the verdict.
- `possible values`: what the metrics' own ranges allow must not all be judged alike.

The verdict to change is `reproduced`. An effect that is not reproduced here has not been found vacuous by that alone:
it is mutated on *planted* values, which are those of the claim come true: the published value, or where that does not
decide one clearly inside the limit, with the noise of the stored seeds.

Not every change makes another claim. A statement that includes `no difference` (`~ 0 ± 1`, an overhead `< 5` %) is true
of arms that are alike or exchanged; another arm or metric of which the paper says what satisfies this effect as well is
no test of it. Such mutants are *equivalent*, and are counted apart, as are those of which the values are not *known*:
those of an effect that is not reproduced here, or that the baselines do not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean

from edgebench.claim.bounds import bounds, settled
from edgebench.judge.audit.algebra import SAME, Law, exchanged, value_alike
from edgebench.judge.audit.planted import claimed_values
from edgebench.judge.audit.replaced import measured_values, replacements
from edgebench.judge.audit.subject import Subject, edge, limits
from edgebench.judge.expectation import Expectation
from edgebench.judge.verdict import ROUNDING, Outcome


class Fate(StrEnum):
    """What became of a mutant."""

    changed = "changed"
    survived = "survived"
    equivalent = "equivalent"
    unknown = "unknown"


_NO_DIFFERENCE = "arms that do not differ satisfy it, too"
KINDS = ("direction", "margin", "arms swapped", "arms alike", "metric", "arm", "possible values")
SCALES = (2.0, 0.0)


@dataclass(frozen=True)
class Mutant:
    """One kind of mutation of an effect.

    Attributes:
        fate: `changed` where one of the tried replacements changes the verdict, and all the others have to.
        tried: how many were judged.
        said: what survived, or why it was not judged; empty where it changed the verdict.
    """

    kind: str
    fate: Fate
    tried: int
    said: str = ""


@dataclass(frozen=True)
class Mutated:
    """All mutations of one effect.

    Attributes:
        planted: it was mutated on planted values, as it is not reproduced here.
        stale: the values are not judged as the baseline says.
        room: how many times its margin the effect clears for certain; None without a margin or where it does not.
        scaled: whether the verdict on the values as measured changes with the margin or band times each of `SCALES`.
    """

    subject: Subject
    mutants: tuple[Mutant, ...]
    planted: bool
    stale: bool
    room: float | None
    scaled: tuple[bool, ...]

    @property
    def explained(self) -> str | None:
        """Why the claim has an effect that can hardly fail, where it says so (`lint: {vacuous: …}`)."""
        return self.subject.claim.lint.get("vacuous")

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        return tuple(each for each in self.mutants if each.fate is Fate.survived)


def mutate(subject: Subject, others: Sequence[Subject]) -> Mutated:
    """Judge an effect in all its mutations.

    Args:
        others: the effects of the same claim at the same tier, whose values may take the place of its own.
    """
    measured = subject.judged(subject.values)
    planted = measured is not Outcome.reproduced
    values = claimed_values(subject) if planted else subject.values
    null = value_alike(subject.effect.value)
    mutants = (
        _direction(subject, values),
        _margin(subject, values),
        _swapped(subject, values, null, planted),
        _alike(subject, values, null),
        *_replaced(subject, others, planted),
        _possible(subject),
    )
    return Mutated(
        subject,
        tuple(each for each in mutants if each is not None),
        planted,
        stale=measured is not subject.stored.verdict,
        room=None if planted else _room(subject),
        scaled=tuple(_scaled(subject, scale) is not measured for scale in SCALES)
        if _scalable(subject)
        else (),
    )


def _direction(subject: Subject, values: Sequence[float]) -> Mutant:
    expect = subject.effect.expect
    if expect.relation in (">", "<"):
        others = [replace(expect, relation="<" if expect.relation == ">" else ">")]
    else:
        step = 2.5 * expect.band if expect.band else max(1.0, abs(expect.target) / 100)
        others = [replace(expect, target=expect.target + sign * step) for sign in (1, -1)]
    return _all_must_change("direction", subject, values, [(each, subject.effect.margin) for each in others])


def _margin(subject: Subject, values: Sequence[float]) -> Mutant:
    expect = subject.effect.expect
    mean = fmean(values)
    away = abs(mean - expect.target)
    if expect.relation in (">", "<"):
        beyond = [(expect, 1.01 * away + 1e-9 * max(1.0, abs(expect.target)))]
    elif away > ROUNDING * max(abs(mean), abs(expect.target)):
        beyond = [(Expectation("~", expect.target, away / 2), 0.0)]
    else:
        return Mutant("margin", Fate.equivalent, 0, "it is exactly the value that is claimed")
    return _all_must_change("margin", subject, values, beyond)


def _all_must_change(
    kind: str, subject: Subject, values: Sequence[float], claims: Sequence[tuple[Expectation, float]]
) -> Mutant:
    for expect, margin in claims:
        if subject.judged(values, expect, margin) is Outcome.reproduced:
            text = f"'{expect}'" + (f" with margin {margin:.4g}" if margin else "")
            return Mutant(kind, Fate.survived, len(claims), f"{text} is reproduced as well")
    return Mutant(kind, Fate.changed, len(claims))


def _swapped(subject: Subject, values: Sequence[float], null: float | None, planted: bool) -> Mutant | None:
    if len(subject.effect.arms) < 2:
        return None
    kind, tried, unknown, said = "arms swapped", 0, False, ""
    for names, other, rule in exchanged(subject.effect.value):
        if rule is SAME:
            continue  # such as two arms of a maximum, which the effect does not tell apart
        swapped = _by_law(rule, values) if rule else None if planted else measured_values(subject, other)
        tried += swapped is not None
        if swapped is None:
            unknown = True
        elif subject.judged(swapped) is not Outcome.reproduced:
            return Mutant(kind, Fate.changed, tried)
        else:
            told = " and ".join(f"'{one}' for '{two}'" for one, two in names.items() if one < two)
            said = f"with {told} it is reproduced as well"
    if tried and _says_no_difference(subject, null):
        return Mutant(kind, Fate.equivalent, tried, _NO_DIFFERENCE)
    if unknown:
        return Mutant(
            kind, Fate.unknown, tried, "the value does not tell what the other way round it would be"
        )
    if tried:
        return Mutant(kind, Fate.survived, tried, said)
    if subject.effect.expect.relation in ("~", "=="):
        return Mutant(kind, Fate.equivalent, 0, "its value does not tell one arm from the other")
    return Mutant(kind, Fate.survived, 1, "its value is the same, and claims a direction all the same")


def _by_law(law: Law, values: Sequence[float]) -> list[float] | None:
    try:
        return [law(each) for each in values]
    except ZeroDivisionError:
        return None


def _alike(subject: Subject, values: Sequence[float], null: float | None) -> Mutant | None:
    if len(subject.effect.arms) < 2:
        return None
    if null is None:
        return Mutant("arms alike", Fate.unknown, 0, "the expression does not tell what it would be")
    if not _says_no_difference(subject, null):
        return Mutant("arms alike", Fate.changed, 1)
    if subject.effect.expect.relation in ("~", "==") or null != edge(
        subject.effect.expect, subject.effect.margin
    ):
        return Mutant("arms alike", Fate.equivalent, 1, _NO_DIFFERENCE)
    return Mutant(
        "arms alike", Fate.survived, 1, f"at {null:g}, where they are alike, it is reproduced as well"
    )


def _says_no_difference(subject: Subject, null: float | None) -> bool:
    """Whether arms that do not differ satisfy the claim."""
    return null is not None and subject.judged([null] * len(subject.values)) is Outcome.reproduced


def _replaced(subject: Subject, others: Sequence[Subject], planted: bool) -> Iterator[Mutant]:
    """The effect judged on other metrics and other arms; on values as measured alone, as nothing else is known."""
    for kind, found in replacements(subject, others).items():
        tried = len(found.values)
        if planted or not tried:
            said = "it is not reproduced here" if planted else "no other values are known"
            yield Mutant(kind, Fate.unknown, 0, said)
        elif any(subject.judged(each) is not Outcome.reproduced for each in found.values.values()):
            yield Mutant(kind, Fate.changed, tried)
        elif found.telling:
            yield Mutant(kind, Fate.survived, tried, f"reproduced of {', '.join(found.telling[:4])} as well")
        else:
            yield Mutant(kind, Fate.equivalent, tried, "the paper says as much of the others")


def _possible(subject: Subject) -> Mutant:
    effect = subject.effect
    low, high = limits(effect)
    if settled(bounds(effect.value, subject.claim.kind), effect.expect.relation, low, high) is None:
        return Mutant("possible values", Fate.changed, 1)
    return Mutant("possible values", Fate.survived, 1, "no value that can be measured is judged otherwise")


def _scalable(subject: Subject) -> bool:
    return bool(subject.effect.margin or subject.effect.expect.band)


def _scaled(subject: Subject, scale: float) -> Outcome | None:
    expect, margin = subject.effect.expect, subject.effect.margin * scale
    if expect.band is not None:
        expect = replace(expect, band=expect.band * scale)
    return subject.judged(subject.values, expect, margin)


def _room(subject: Subject) -> float | None:
    """By how many of its margins an effect clears its target, taken at the near end of its interval."""
    expect, margin = subject.effect.expect, subject.effect.margin
    if not margin:
        return None
    interval = subject.stored.interval or (subject.stored.value, subject.stored.value)
    return (interval[0] - expect.target if expect.relation == ">" else expect.target - interval[1]) / margin
