"""Claims in words, for `list` and `explain`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from edgebench.claim.claim import Case, Claim, Effect, Paper, Tier
from edgebench.report.tables import number

_ENTRY = ("    ", "      ")  # indents of an entry below a tier, and of its further lines


def listing(papers: Mapping[str, Paper], claims: Sequence[Claim]) -> str:
    """All claims, grouped by paper."""
    lines: list[str] = []
    for paper in dict.fromkeys(claim.paper for claim in claims):
        file = papers[paper].file
        lines.append(f"{paper}: {' '.join(file.title.split())} ({file.year})")
        rows = [
            [
                claim.id,
                claim.kind,
                ", ".join(claim.tiers),
                sum(len(case.effects) for case in claim.cases),
                _short(claim),
            ]
            for claim in claims
            if claim.paper == paper
        ]
        table = tabulate(rows, ["claim", "kind", "tiers", "items", "statement"], tablefmt="simple")
        lines += [textwrap.indent(table, "  "), ""]
    return "\n".join(lines).rstrip() or "no claims"


def _short(claim: Claim) -> str:
    return textwrap.shorten(claim.statement, 70, placeholder="…")


def describe_claim(claim: Claim) -> str:
    """A claim in full: statement, effects, and at each tier what the arms share and where they differ."""
    lines = [
        claim.id,
        _wrap(claim.statement),
        f"  {claim.where} · {claim.kind} · tags: {', '.join(claim.tags) or 'none'}",
    ]
    if claim.note:
        lines.append(_wrap(f"note: {' '.join(claim.note.split())}"))
    for case in claim.cases:
        lines.append("")
        if case.id:
            lines.append(f"case {case.id}")
        if case.over:
            lines.append(f"trends over all {len(case.over)} cases")
        lines += [_effects(case), *_needs(case, exact=claim.exact)]
        for tier in case.tiers.values() if not case.over else ():  # whose arms stand above
            lines.append(_tier(claim, tier))
    return "\n".join(lines)


def _wrap(text: str, indent: str = "  ", further: str = "  ") -> str:
    return textwrap.fill(text, 110, initial_indent=indent, subsequent_indent=further)


def _effects(case: Case) -> str:
    rows = [
        [
            effect.key,
            effect.value.source,
            str(effect.expect),
            number(effect.margin),
            number(effect.published),
            effect.unit,
        ]
        for effect in case.effects.values()
    ]
    table = tabulate(
        rows, ["effect", "value", "expect", "margin", "published", "unit"], disable_numparse=True
    )
    return textwrap.indent(table, "  ")


def _needs(case: Case, *, exact: bool) -> list[str]:
    """What each verdict takes, in words; effects that need the same are one line."""
    by_need: dict[str, list[str]] = {}
    for effect in case.effects.values():
        by_need.setdefault(_need(effect, "the value" if exact else "the interval"), []).append(effect.key)
    lines = [_wrap(f"{', '.join(effects)}: {need}") for need, effects in by_need.items()]
    return lines if exact else [*lines, "  between the two, at the last look: inconclusive"]


def _need(effect: Effect, what: str) -> str:
    expect, unit = effect.expect, f" {effect.unit}".rstrip()
    if expect.relation == "==":
        return f"reproduced when {what} is {number(expect.target)}{unit}, contradicted when it is not"
    if expect.band is not None:
        low, high = (f"{expect.target + side:.6g}" for side in (-expect.band, expect.band))
        return f"reproduced when {what} lies within {low} … {high}{unit}, contradicted when it lies outside"
    more = expect.relation == ">"
    edge = f"{expect.target + (effect.margin if more else -effect.margin):.6g}"
    sides = ("above", "below") if more else ("below", "above")
    return f"reproduced when {what} lies {sides[0]} {edge}{unit}, contradicted when it lies {sides[1]} it"


def _tier(claim: Claim, tier: Tier) -> str:
    settings = _settings(tier)
    keys = list(dict.fromkeys(key for each in settings.values() for key in each))
    shared = [key for key in keys if len({repr(each.get(key)) for each in settings.values()}) == 1]
    first = next(iter(settings.values()))
    seeds = "exact" if claim.exact else f"looks at {', '.join(map(str, tier.looks))} seeds"
    floor = "".join(f", {claim.reference} needs {metric} ≥ {least:g}" for metric, least in tier.floor.items())
    lines = [f"  tier {tier.name}: {seeds}{floor}"]
    lines.append(_wrap("all arms: " + ", ".join(f"{key}={first[key]}" for key in shared), *_ENTRY))
    for arm, own in settings.items():
        different = ", ".join(f"{key}={own[key]}" for key in keys if key not in shared and key in own)
        lines.append(_wrap(f"{arm}: {different or 'as above'}", *_ENTRY))
    return "\n".join(lines)


def _settings(tier: Tier) -> dict[str, dict[str, Any]]:
    """The settings of each arm by their paths; folds of a cross-validated one, which differ in no other, are one."""
    whole = {fold: f"{arm}, {len(folds)} folds" for arm, folds in tier.folds.items() for fold in folds}
    found: dict[str, dict[str, Any]] = {}
    for arm, each in tier.arms.items():
        own = _flat(each.model_dump(exclude_none=True))
        if arm in whole:
            del own["data.fold"]
        found[whole.get(arm, arm)] = own
    return found


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, tuple) and any(isinstance(each, dict) for each in value):
            for number, each in enumerate(value, 1):
                flat |= _flat(each, f"{prefix}{key}.{number}.")
        else:
            flat[prefix + key] = value
    return flat
