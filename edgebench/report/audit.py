"""An audit in words, narrow tables for a terminal, and as a JSON document."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from edgebench.judge.audit.audit import Audit
from edgebench.judge.audit.mutation import KINDS, SCALES, Fate, Mutated
from edgebench.judge.audit.simulation import MARGINS, SHIFTS, Coverage, Power
from edgebench.judge.audit.splits import LIMIT, Rate
from edgebench.report.documents import document
from edgebench.report.tables import number, table

_WIDTH = 100
_SHOWN = tuple(SHIFTS.index(shift) for shift in (0.5, 1.0, 1.5, 2.0, 3.0, 5.0))


@dataclass(frozen=True)
class Section:
    """One table of an audit.

    Attributes:
        title: what it shows, in a few words.
        told: how it is to be read.
        said: sentences below it.
    """

    title: str
    told: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    said: tuple[str, ...] = ()


def sections(audit: Audit) -> list[Section]:
    """All tables that there is something in."""
    found = [false_decisions(audit), coverage(audit), power(audit), planted(audit), mutations(audit)]
    return [each for each in found if each.rows]


def summary(audit: Audit, *, quiet: bool = False) -> str:
    """The audit as text; with `quiet` only what is not as it must be, and the last line."""
    parts = [] if quiet else [_text(each) for each in sections(audit)]
    parts += [f"✗ {each}" for each in audit.failures()]
    return "\n\n".join([*parts, closing(audit)])


def _text(section: Section) -> str:
    told = textwrap.wrap(f"{section.title}: {section.told}", _WIDTH)
    said = [line for each in section.said for line in textwrap.wrap(each, _WIDTH, break_on_hyphens=False)]
    return "\n".join([*told, "", table(section.head, section.rows, right=section.head[1:]), *said])


def closing(audit: Audit) -> str:
    """What it comes to, in one line."""
    effects, vacuous = len(audit.mutated), len(audit.vacuous)
    judged = sum(audit.tried(kind) for kind in KINDS)
    said = f"{_count(effects, 'effect')}, {judged} mutants, {_count(vacuous, 'vacuous effect')}"
    if audit.splits is not None:
        said += f"; {audit.splits.overall.rate:.1f} % of A/A series decided (at most {LIMIT} %)"
    return said


def false_decisions(audit: Audit) -> Section:
    """How often the judge decides on stored differences although nothing differs."""
    found = audit.splits
    rows, said = [], []
    if found is not None:
        rows = [_rate(f"looks at {_looks(looks)}", rate) for looks, rate in found.by_looks.items()]
        rows.append(_rate("all", found.overall))
        if found.halves is not None:
            rows.append(_rate("halves of 10 seeds and more", found.halves))
        if found.constant:
            said.append(f"left out: {_count(found.constant, 'effect')} whose seeds all agree")
        if found.too_few:
            said.append(f"left out: {_count(found.too_few, 'effect')} with too few seeds")
    return Section(
        "False decisions",
        "stored seeds between which nothing differs (A/A); 5 % are to be expected, of halves hardly any",
        ("A/A", "false", "95 % interval", "effects", "series"),
        tuple(rows),
        tuple(said),
    )


def _rate(name: str, rate: Rate) -> tuple[str, ...]:
    interval = "–" if rate.low is None else f"{max(rate.low, 0.0):.1f} to {rate.high:.1f}"
    return (name, f"{rate.rate:.2f} %", interval, str(rate.effects), str(rate.series))


def coverage(audit: Audit) -> Section:
    """What the intervals cover over all looks."""
    found = audit.simulated.coverage
    noises = list(dict.fromkeys(missed.noise for each in found for missed in each.missed))
    said = []
    if audit.tails is not None:
        said.append(
            f"tails: excess kurtosis {audit.tails.excess:.3f} ± {audit.tails.error:.3f} over {audit.tails.effects} "
            f"effects; simulated with Student's t of {audit.tails.freedom} degrees of freedom"
        )
    coarse = [name for each in found for name in each.coarse]
    if coarse:
        said.append(f"rounded more coarsely than their looks bear: {', '.join(coarse)}")
    return Section(
        "Coverage over all looks",
        "simulated, by noise; bearable is the coarsest rounding, in standard deviations between seeds (sd)",
        ("looks", *(noise.partition(" (")[0] for noise in noises), "bearable"),
        tuple((_looks(each.looks), *_covered(each, noises), f"{each.coarsest:g} sd") for each in found),
        tuple(said),
    )


def _covered(each: Coverage, noises: Sequence[str]) -> list[str]:
    by_noise = {missed.noise: missed.rate for missed in each.missed}
    return [f"{100 - by_noise[noise]:.1f} %" if noise in by_noise else "–" for noise in noises]


def power(audit: Audit) -> Section:
    """How often shifts in standard deviations are found."""
    return Section(
        "Power",
        "how often a shift beyond the limit is found, in standard deviations between seeds (sd)",
        ("looks", *(f"{SHIFTS[place]:g} sd" for place in _SHOWN)),
        tuple(
            (_looks(each.looks), *(f"{each.by_shift[place]:.0f} %" for place in _SHOWN))
            for each in audit.simulated.power
        ),
    )


def planted(audit: Audit) -> Section:
    """How often shifts in margins are judged rightly."""
    return Section(
        "Power on stored seeds",
        "right decisions on shifts planted into them, by the shift from the target in margins",
        ("looks", "effects", *(f"{margin}" for margin in MARGINS)),
        tuple(
            (_looks(each.looks), str(each.effects), *(f"{rate:.0f} %" for rate in each.by_margin))
            for each in audit.simulated.power
            if each.effects
        ),
    )


def mutations(audit: Audit) -> Section:
    """What became of the mutants, by kind."""
    fates = audit.fates()
    moved = sum(each.planted for each in audit.mutated)
    said = [f"mutated on planted values: {_count(moved, 'effect')} not reproduced here"] if moved else []
    scalable = [each for each in audit.mutated if each.scaled]
    if scalable:
        changes = [sum(each.scaled[place] for each in scalable) for place in range(len(SCALES))]
        times = " and ".join(
            f"{count} with {scale:g} times" for count, scale in zip(changes, SCALES, strict=True)
        )
        said.append(
            f"of {_count(len(scalable), 'effect')} with a margin or band, {times} as much are judged otherwise"
        )
    rooms = [each.room for each in audit.mutated if each.room is not None]
    if rooms:
        said.append(
            f"the reproduced ones clear their margin for certain by a median of {number(median(rooms))} margins"
        )
    for told, chosen in {
        "vacuous, as the claim itself explains": audit.explained,
        "not judged as recorded": [each for each in audit.mutated if each.stale],
    }.items():
        if names := [f"{each.subject.name} at {each.subject.tier.name}" for each in chosen]:
            said.append(f"{told}: {', '.join(names)}")
    return Section(
        "Mutations",
        "effects by what became of their mutants; the verdict has to change",
        ("mutation", "mutants", *(str(fate) for fate in Fate)),
        tuple(
            (kind, str(audit.tried(kind)), *(str(fates[kind][fate]) for fate in Fate))
            for kind in KINDS
            if kind in fates
        ),
        tuple(said),
    )


def _count(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _looks(looks: Sequence[int]) -> str:
    return ", ".join(map(str, looks))


def audit_document(audit: Audit, status: int) -> dict[str, Any]:
    """The audit, and the exit status that it left with."""
    found = audit.splits
    return document("audit", {
        "exit_status": status,
        "limit": LIMIT,
        "failures": audit.failures(),
        "false_decisions": None if found is None else {
            "overall": vars(found.overall),
            "by_looks": [{"looks": list(looks), **vars(rate)} for looks, rate in found.by_looks.items()],
            "halves": None if found.halves is None else vars(found.halves),
            "constant": found.constant,
            "too_few": found.too_few,
        },
        "tails": None if audit.tails is None else vars(audit.tails),
        "coverage": [_coverage_document(each) for each in audit.simulated.coverage],
        "power": [_power_document(each) for each in audit.simulated.power],
        "mutations": {
            kind: {"mutants": audit.tried(kind), **{str(fate): counted[fate] for fate in Fate}}
            for kind, counted in audit.fates().items()
        },
        "items": [_mutated_document(each) for each in audit.mutated],
    })  # fmt: skip


def _coverage_document(coverage: Coverage) -> dict[str, Any]:
    return {
        "looks": list(coverage.looks),
        "missed": {missed.noise: missed.rate for missed in coverage.missed},
        "coarsest": coverage.coarsest,
        "coarse": list(coverage.coarse),
    }


def _power_document(power: Power) -> dict[str, Any]:
    return {
        "looks": list(power.looks),
        "shifts": list(SHIFTS),
        "by_shift": list(power.by_shift),
        "margins": list(MARGINS) if power.by_margin else [],
        "by_margin": list(power.by_margin),
        "effects": power.effects,
    }


def _mutated_document(mutated: Mutated) -> dict[str, Any]:
    return {
        "id": mutated.subject.name,
        "tier": mutated.subject.tier.name,
        "vacuous": bool(mutated.survivors),
        "explained": mutated.explained,
        "planted": mutated.planted,
        "stale": mutated.stale,
        "room": mutated.room,
        "mutants": {
            each.kind: {"fate": str(each.fate), "tried": each.tried, "said": each.said}
            for each in mutated.mutants
        },
    }
