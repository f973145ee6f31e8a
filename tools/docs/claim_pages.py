"""A page for every claim, from its file and its baselines, and a page for every paper."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Case, Claim, Effect, Paper, item_key
from edgebench.claim.models import TIERS
from edgebench.judge.baseline import Baseline, BaselineEffect
from edgebench.judge.verdict import Verdict
from edgebench.report.describe import describe_claim
from edgebench.report.html.page import is_web
from edgebench.report.markdown import code, table, text
from edgebench.report.result import Baselines
from edgebench.report.tables import number
from tools.docs import pictures

_VERDICTS = ("reproduced", "contradicted", "inconclusive")
Stored = dict[str, Baseline]


def pages(top: Path) -> tuple[dict[str, str], list[Any]]:
    """All pages by file name, and their part of the navigation.

    Raises:
        ClaimFileError: a broken claim; the docs tell of all claims, or of none.
    """
    catalogue = load_catalogue([top / "claims"])
    for error in catalogue.broken.values():
        raise error
    baselines = Baselines()
    stored: dict[str, Stored] = {}
    for claim in catalogue.claims:
        found = {tier: baselines.get(claim, tier) for tier in claim.tiers}
        stored[claim.id] = {tier: each for tier, each in found.items() if each is not None}
    made: dict[str, str] = {}
    nav: list[Any] = ["claims/index.md"]
    for name, paper in catalogue.papers.items():
        claims = [claim for claim in catalogue.claims if claim.paper == name]
        made[f"claims/{name}/index.md"] = _paper(paper, claims, stored)
        entries: list[Any] = [f"claims/{name}/index.md"]
        for claim in claims:
            made[f"claims/{claim.id}.md"] = _claim(top, claim, paper, stored[claim.id])
            entries.append({claim.path.stem: f"claims/{claim.id}.md"})
        nav.append({name: entries})
    made["claims/index.md"] = _index(catalogue.papers, list(catalogue.claims), stored)
    return made, nav


def _counts(claims: list[Claim], stored: dict[str, Stored], tier: str) -> list[str]:
    counts: Counter[str] = Counter()
    for claim in claims:
        if (baseline := stored[claim.id].get(tier)) is not None:
            counts.update(str(effect.verdict) for effect in baseline.effects.values())
    return [str(counts[verdict] or "–") for verdict in _VERDICTS]


def _index(papers: dict[str, Paper], claims: list[Claim], stored: dict[str, Stored]) -> str:
    lines = [
        "# Claims",
        "",
        f"{len(claims)} claims of {len(papers)} papers, with the verdicts that are recorded in `baselines/`. A "
        "claim may have several items: effects, and cases of its matrix.",
    ]
    for tier in TIERS:
        if not any(tier in found for found in stored.values()):
            continue
        rows = []
        for name, paper in papers.items():
            of_paper = [claim for claim in claims if claim.paper == name]
            title = f"[{text(' '.join(paper.file.title.split()))}]({name}/index.md)"
            rows.append([title, *_counts(of_paper, stored, tier)])
        lines += ["", f"## At tier {tier}", "", table(["paper", *_VERDICTS], rows, right=_VERDICTS)]
    return "\n".join(lines) + "\n"


def _paper(paper: Paper, claims: list[Claim], stored: dict[str, Stored]) -> str:
    file = paper.file
    rows = []
    for claim in claims:
        told = []
        for tier, baseline in stored[claim.id].items():
            counts = Counter(str(effect.verdict) for effect in baseline.effects.values())
            told.append(f"{tier}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
        rows.append(
            [f"[{claim.path.stem}]({claim.path.stem}.md)", text(claim.statement), text(claim.where),
             "<br>".join(told) or "none recorded"]
        )  # fmt: skip
    lines = [
        f"# {text(' '.join(file.title.split()))}",
        "",
        f"{text(', '.join(file.authors))}, {file.year}: {_link(file.link)}",
        *(["", text(file.note)] if file.note else []),
        "",
        table(["claim", "statement", "where", "recorded"], rows),
    ]
    return "\n".join(lines) + "\n"


def _link(link: str) -> str:
    """A link where it is one; text where it could be a script."""
    plain = is_web(link) and not set(link) & set("<> \n")
    return f"<{link}>" if plain else text(link)


def _claim(top: Path, claim: Claim, paper: Paper, stored: Stored) -> str:
    source = claim.path.relative_to(top)
    facts = [text(claim.where), f"kind {code(claim.kind)}", *map(code, claim.tags)]
    lines = [
        f"# {text(claim.statement)}",
        "",
        f"{code(claim.id)} · [{text(' '.join(paper.file.title.split()))}](index.md) · {' · '.join(facts)}",
    ]
    if claim.note:
        lines += ["", '!!! note "Note"', "", f"    {text(claim.note)}"]
    items = {
        item_key(key, case.id): (case, effect) for case in claim.cases for key, effect in case.effects.items()
    }
    lines += ["", "## What is claimed", "", _expected(items)]
    for tier in claim.tiers:
        lines += ["", f"## At tier {tier}", "", *_recorded(claim, items, tier, stored.get(tier))]
    lines += ["", "## The file", "", f'??? example "{source}"', "", "    ```yaml"]
    lines += [f"    {line}" for line in claim.path.read_text(encoding="utf-8").splitlines()]
    lines += ["    ```", "", '??? example "Its arms in full"', "", "    ```text"]
    lines += [f"    {line}" for line in describe_claim(claim).splitlines()]
    lines += ["    ```", ""]
    return "\n".join(lines)


def _expected(items: dict[str, tuple[Case, Effect]]) -> str:
    rows = [
        [code(item), code(effect.value.source), code(str(effect.expect)), number(effect.margin),
         text(number(effect.published)), text(effect.unit)]
        for item, (_, effect) in items.items()
    ]  # fmt: skip
    return table(
        ["item", "value", "expected", "margin", "published", "unit"], rows, right=("margin", "published")
    )


def _recorded(
    claim: Claim, items: dict[str, tuple[Case, Effect]], tier: str, baseline: Baseline | None
) -> list[str]:
    run = ["", "```bash", f"edgebench run -k {claim.id} --tier {tier}", "```"]
    if baseline is None:
        return ["Nothing is recorded at this tier.", *run]
    who = baseline.recorded
    torch = baseline.environment.get("torch", "unknown")
    rows, drawn = [], []
    for item, effect in baseline.effects.items():
        shown = number(effect.value)
        if effect.interval is not None:
            shown += f" [{number(effect.interval[0])}, {number(effect.interval[1])}]"
        verdict = f"{effect.verdict}{f' ({effect.subtype})' if effect.subtype else ''}"
        rows.append([code(item), text(shown), str(len(effect.seeds)), text(verdict), text(effect.reason)])
        if item in items and effect.interval is not None:
            drawn += ["", _picture(item, items[item][1], effect)]
    said = f"Recorded by {text(who.by)}, {who.when}, with torch {text(torch)}: {text(who.why)}"
    return [said, "", table(["item", "measured", "n", "verdict", "why"], rows, right=("n",)), *drawn, *run]


def _picture(item: str, effect: Effect, stored: BaselineEffect) -> str:
    assert stored.interval is not None, "only these are drawn"
    verdict = Verdict(
        stored.verdict, stored.subtype, stored.reason, stored.value, *stored.interval, len(stored.seeds), None,
        stored.seeds,
    )  # fmt: skip
    return pictures.figure(pictures.draw(verdict, effect.expect, effect.margin), code(item))
