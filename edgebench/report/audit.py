"""An audit in words, narrow tables for a terminal, and as a JSON document."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
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


def summary(audit: Audit, *, quiet: bool = False) -> str:
    """The audit as a text of a few tables; with `quiet` only what is not as it must be, and the last line."""
    parts = [] if quiet else [false_decisions(audit), coverage(audit), power(audit), mutations(audit)]
    failures = audit.failures()
    parts += [f"✗ {each}" for each in failures]
    return "\n\n".join([*(part for part in parts if part), closing(audit)])


def closing(audit: Audit) -> str:
    """What it comes to, in one line."""
    effects, vacuous = len(audit.mutated), len(audit.vacuous)
    judged = sum(audit.tried(kind) for kind in KINDS)
    said = (
        f"{effects} effects, {judged} mutants, {vacuous or 'no'} vacuous effect{'' if vacuous == 1 else 's'}"
    )
    if audit.splits is not None:
        said += f"; {audit.splits.overall.rate:.1f} % of A/A series decided (at most {LIMIT} %)"
    return said


def false_decisions(audit: Audit) -> str:
    """How often the judge decides on stored differences although nothing differs."""
    found = audit.splits
    if found is None:
        return "A/A: no effect has seeds that differ."
    rows = [_rate(f"looks at {_looks(looks)}", rate) for looks, rate in found.by_looks.items()]
    rows.append(_rate("all", found.overall))
    if found.halves is not None:
        rows.append(_rate("halves of 10 seeds and more", found.halves))
    told = "Decisions on stored seeds between which nothing differs (A/A); 5 % are to be expected"
    left = f"{found.constant} effects whose seeds all agree are left out" if found.constant else ""
    left += f"{'; ' if left else ''}{found.too_few} have too few seeds" if found.too_few else ""
    return _section(told, ["A/A", "false", "95 % interval", "effects", "series"], rows, left)


def _rate(name: str, rate: Rate) -> list[str]:
    interval = "–" if rate.low is None else f"{max(rate.low, 0.0):.1f} to {rate.high:.1f}"
    return [name, f"{rate.rate:.2f} %", interval, str(rate.effects), str(rate.series)]


def coverage(audit: Audit) -> str:
    """What the intervals cover over all looks."""
    if not audit.simulated.coverage:
        return ""
    noises = list(dict.fromkeys(missed.noise for each in audit.simulated.coverage for missed in each.missed))
    rows = [
        [_looks(each.looks), *_covered(each, noises), f"{each.coarsest:g}"]
        for each in audit.simulated.coverage
    ]
    names = [noise.partition(" (")[0] for noise in noises]
    said = []
    if audit.tails is not None:
        said.append(
            f"tails: excess kurtosis {audit.tails.excess:.3f} ± {audit.tails.error:.3f} over {audit.tails.effects} "
            f"effects; simulated with Student's t of {audit.tails.freedom} degrees of freedom"
        )
    coarse = [name for each in audit.simulated.coverage for name in each.coarse]
    if coarse:
        said.append(f"rounded more coarsely than their looks bear: {', '.join(coarse)}")
    told = (
        "Coverage over all looks, simulated, by noise; bearable: the coarsest rounding, in sd between seeds"
    )
    return _section(told, ["looks", *names, "bearable"], rows, *said)


def _covered(each: Coverage, noises: Sequence[str]) -> list[str]:
    by_noise = {missed.noise: missed.rate for missed in each.missed}
    return [f"{100 - by_noise[noise]:.1f} %" if noise in by_noise else "–" for noise in noises]


def power(audit: Audit) -> str:
    """How often shifts are found."""
    found = audit.simulated.power
    if not found:
        return ""
    shifts = [f"{SHIFTS[place]:g} sd" for place in _SHOWN]
    rows = [[_looks(each.looks), *(f"{each.by_shift[place]:.0f} %" for place in _SHOWN)] for each in found]
    told = "Power: shifts beyond the limit that are found, in standard deviations between seeds"
    text = _section(told, ["looks", *shifts], rows)
    with_margin = [each for each in found if each.effects]
    if not with_margin:
        return text
    rows = [
        [_looks(each.looks), str(each.effects), *(f"{rate:.0f} %" for rate in each.by_margin)]
        for each in with_margin
    ]
    told = "Right decisions on shifts planted into stored seeds, in margins from the target"
    return text + "\n\n" + _section(told, ["looks", "effects", *map(str, MARGINS)], rows)


def mutations(audit: Audit) -> str:
    """What became of the mutants, by kind."""
    fates = audit.fates()
    rows = [
        [kind, str(audit.tried(kind)), *(str(fates[kind][fate]) for fate in Fate)]
        for kind in KINDS
        if kind in fates
    ]
    planted = sum(each.planted for each in audit.mutated)
    said = (
        [f"{planted} effects that are not reproduced here were mutated on planted values"] if planted else []
    )
    scalable = [each for each in audit.mutated if each.scaled]
    if scalable:
        changes = [sum(each.scaled[place] for each in scalable) for place in range(len(SCALES))]
        times = " and ".join(
            f"{count} with {scale:g} times" for count, scale in zip(changes, SCALES, strict=True)
        )
        said.append(f"of {len(scalable)} effects with a margin or band, {times} as much are judged otherwise")
    rooms = [each.room for each in audit.mutated if each.room is not None]
    if rooms:
        said.append(
            f"the reproduced ones clear their margin for certain by a median of {number(median(rooms))} margins"
        )
    stale = [f"{each.subject.name} at {each.subject.tier.name}" for each in audit.mutated if each.stale]
    explained = [f"{each.subject.name} at {each.subject.tier.name}" for each in audit.explained]
    if explained:
        said.append(f"vacuous, as the claim itself explains: {', '.join(explained)}")
    if stale:
        said.append(f"not judged as recorded: {', '.join(stale)}")
    told = "Mutations, by effect: the verdict has to change"
    return _section(told, ["mutation", "mutants", *(str(fate) for fate in Fate)], rows, *said)


def _section(told: str, head: list[str], rows: Sequence[Sequence[str]], *said: str) -> str:
    text = f"{told}\n\n{table(head, rows, right=head[1:])}"
    wrapped = ["\n".join(textwrap.wrap(each, _WIDTH, break_on_hyphens=False)) for each in said if each]
    return "\n".join([text, *wrapped])


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
