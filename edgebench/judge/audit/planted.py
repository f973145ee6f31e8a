"""Values that make an effect's claim come true, where those that were measured do not.

An effect that is contradicted or undecided here can be mutated on these alone.
"""

from __future__ import annotations

from edgebench.judge.audit.subject import Subject, edge
from edgebench.judge.statistics import paired_interval, pocock_level


def claimed_values(subject: Subject) -> tuple[float, ...]:
    """Values that make an effect's claim come true, with its own noise as far as that leaves it decided."""
    expect, margin = subject.effect.expect, subject.effect.margin
    centre = claimed_centre(subject)
    if subject.exact:
        return (centre,)
    band = expect.band
    room = abs(centre - edge(expect, margin)) if band is None else band - abs(centre - expect.target)
    seen = subject.values[: subject.tier.looks[0]]
    interval = paired_interval(seen, pocock_level(subject.tier.looks))
    reach = interval.high - interval.mean
    scale = min(1.0, room / (2 * reach)) if reach else 1.0
    return tuple(centre + scale * (each - interval.mean) for each in seen)


def claimed_centre(subject: Subject) -> float:
    """The published value where it makes the claim true, else one clearly inside the limit."""
    expect, margin, published = subject.effect.expect, subject.effect.margin, subject.effect.published
    if expect.relation in ("~", "=="):
        band = expect.band or 0.0
        return published if published is not None and abs(published - expect.target) < band else expect.target
    sign = 1.0 if expect.relation == ">" else -1.0
    limit = edge(expect, margin)
    if published is not None and sign * (published - limit) > 1e-9 * max(abs(published), abs(limit)):
        return published
    return limit + sign * max(margin, abs(limit) / 2, 1.0)
