"""What a claim about latency has to obey: its effects compare times, and its arms are timed in the same rounds.

A time in milliseconds says as much about the machine as about the method, and no other machine could be held to it.
A ratio of two times that were taken in turn in one process is a property of the two methods, as far as there is one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from edgebench.claim.expression import Expression
from edgebench.claim.fields import Strict
from edgebench.claim.metrics import METRICS
from edgebench.claim.settings import LatencySettings, Settings
from edgebench.errors import ExpressionError

_SCALES = (2.0, 1 / 1024, 3e5)
_DRAWS = 32
_SHORTEST, _LONGEST = 1e-3, 1e6  # milliseconds, between which times are drawn


class LatencyGroup(Strict):
    """What one trial of `kind: latency` runs: all arms of a claim, because times compare within one process only."""

    arms: dict[str, LatencySettings]

    @classmethod
    def of(cls, arms: Mapping[str, Settings]) -> LatencyGroup:
        """The group of a tier's arms, which are all of this kind."""
        return cls(arms={arm: each for arm, each in arms.items() if isinstance(each, LatencySettings)})


def check_ratio(value: Expression) -> None:
    """Accept an effect whose value stays the same when every time is multiplied by the same number.

    This is tried with drawn times, which differ from each other: a difference of equal times would be 0 at any scale.

    Raises:
        ExpressionError: the value changes, or there are no times of which it could be computed.
    """
    draw = random.Random(6)  # fixed, so that a file is accepted or refused the same way every time
    computed = 0
    for _ in range(_DRAWS):
        times = {
            place: math.exp(draw.uniform(math.log(_SHORTEST), math.log(_LONGEST)))
            for place in value.references
        }
        try:
            plain = _at_scale(value, times, 1.0)
            scaled = [_at_scale(value, times, scale) for scale in _SCALES]
        except ExpressionError:  # the logarithm of a negative number, say: other times may do
            continue
        computed += 1
        if not all(math.isclose(each, plain, rel_tol=1e-9, abs_tol=1e-12) for each in scaled):
            raise ExpressionError(
                f"'{value.source}' changes with the speed of the machine",
                expected="a comparison of times, such as 'one.step_ms / other.step_ms'",
                hint="no machine can be held to another one's milliseconds",
            )
    if not computed:
        raise ExpressionError(
            f"'{value.source}' could not be computed for any times", expected="a comparison of times"
        )


def _at_scale(value: Expression, times: Mapping[tuple[str, str], float], scale: float) -> float:
    units = METRICS["latency"]
    return value.evaluate(
        lambda arm, metric: (
            times[arm, metric] * (scale if metric in units and units[metric].unit == "ms" else 1.0)
        )
    )


def unlike_arms(arms: Mapping[str, Settings]) -> str | None:
    """A sentence on arms that cannot be timed against each other, or None.

    Each round times every arm, and a step either prepares its batch in all of them or in none.
    """
    timed = {arm: each for arm, each in arms.items() if isinstance(each, LatencySettings)}
    if len({each.rounds for each in timed.values()}) > 1:
        found = ", ".join(f"'{arm}' {each.rounds}" for arm, each in timed.items())
        return f"'rounds' differ ({found}); expected one number, because all arms are timed in turn"
    without = [arm for arm, each in timed.items() if each.augment is None]
    if 0 < len(without) < len(timed):
        lacking = ", ".join(f"'{arm}'" for arm in without)
        return (
            f"'augment' is given, but not to {lacking}; expected in all arms ('{{}}' for no augmentation) or in none, "
            "because a step then includes preparing its batch"
        )
    return None
