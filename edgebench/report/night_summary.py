"""A night in Markdown, as for GitHub's job summary, and as the JSON of a badge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from edgebench.report.markdown import code, folded, table, text
from edgebench.report.night import Group, Night
from edgebench.report.result import Result
from edgebench.report.tables import LETTERS, STATE, claims_holding, measured, number

LIMIT = 900_000  # bytes; GitHub refuses a summary of more than 1 MiB as a whole
_FOLDED = 10  # items that are listed openly
_VERDICTS = tuple(LETTERS)


def night_summary(night: Night) -> str:
    """What changed first, then what was not watched, then all of it; at most `LIMIT` bytes."""
    changed = night.of(Group.changed)
    parts = [f"## Claims at tier {text(night.run.tier)}: {headline(night)}", _made_with(night)]
    if night.unwatched:
        parts.append("\n".join(f"- **{text(each)}**" for each in night.unwatched))
    if changed:
        parts += ["### Changed", _changed(changed)]
    for group, told in _LISTED.items():
        if found := night.of(group):
            lines = _listed(found, night)
            shown = lines if len(found) <= _FOLDED else folded("All of them", lines)
            parts += [f"### {str(group).capitalize()}: {len(found)}", told, shown]
    if moved := [result for result in night.results if result.moved]:
        lines = "\n".join(f"- {code(result.id)}: {text(result.moved)}" for result in moved)
        parts.append(folded(f"Moved since the first accepted baseline: {len(moved)}", lines))
    judged = [result for result in night.results if result.verdict != "failed"]
    parts += ["### Verdicts", _papers(night.results), text(claims_holding(judged))]
    whole = folded("All items", _all(night.results))
    short = "\n\n".join(parts) + "\n"
    if len(short.encode()) + len(whole.encode()) <= LIMIT:
        return f"{short}\n{whole}\n"
    if len(short.encode()) <= LIMIT:
        return f"{short}\nThe table of all items is too long for a summary.\n"
    # Only whole lines, so that no table ends within a row.
    cut = short.encode()[:LIMIT].decode(errors="ignore").rpartition("\n")[0]
    return f"{cut}\n\nThe rest is too long for a summary.\n"


def headline(night: Night) -> str:
    """The night in a few words: what changed, or that nothing did."""
    changed, failed = len(night.of(Group.changed)), len(night.of(Group.failed))
    kept = len(night.of(Group.kept))
    words = [f"{changed} changed"] if changed else []
    words += [f"{kept} as recorded"] if kept else []
    words += [f"{failed} failed to run"] if failed else []
    words += [f"{len(waiting)} pending"] if (waiting := night.of(Group.pending)) else []
    return ", ".join(words) or "nothing was held against a baseline"


def badge(night: Night) -> dict[str, Any]:
    """The night for a badge, in the schema of shields.io's endpoint (version 1)."""
    colour = "red" if night.of(Group.changed) else "orange" if night.unwatched else "brightgreen"
    if colour == "brightgreen" and not night.of(Group.kept):
        colour = "lightgrey"
    elif colour == "brightgreen" and night.of(Group.failed):
        colour = "yellowgreen"
    return {
        "schemaVersion": 1,
        "label": f"claims ({night.run.tier})",
        "message": headline(night),
        "color": colour,
        "isError": colour in ("red", "orange"),
    }


_LISTED = {
    Group.failed: "Their trials did not end with a result, which says nothing about the claims. They run again "
    "the next time; an item that fails twice in a row makes the night red.",
    Group.pending: "The time budget ended first; the next run goes on from there.",
    Group.uncompared: "No baseline was recorded for them at this tier, or the run asked for other seeds.",
    Group.missing: "They need data or weights that this machine does not have.",
}


def _made_with(night: Night) -> str:
    run = night.run
    commit = f"commit {code(run.revision)}" if run.commit else "no commit"
    words = [
        f"Run {run.number}",
        f"{run.when:%Y-%m-%d %H:%M}",
        commit,
        f"torch {text(run.torch)}",
        text(run.machine),
    ]
    return " · ".join(words)


def _changed(results: Sequence[Result]) -> str:
    rows = []
    for result in results:
        stored = result.expected or {}
        recorded = [number(stored.get("value"))]
        if stored.get("interval"):
            recorded.append(f"[{', '.join(map(number, stored['interval']))}]")
        verdict = f"{stored.get('verdict', '–')} → {result.label}"
        rows.append(
            [code(result.id), text(STATE[result.baseline]), text(" ".join(recorded)), text(measured(result)),
             text(verdict), text("; ".join(result.said))]
        )  # fmt: skip
    return table(["item", "", "recorded", "measured", "verdict", "why"], rows)


def _listed(results: Sequence[Result], night: Night) -> str:
    lines = []
    for result in results:
        again = " **twice in a row**" if result.id in night.again else ""
        lines.append(f"- {code(result.id)}{again}: {text('; '.join(result.said))}")
    return "\n".join(lines)


def _papers(results: Sequence[Result]) -> str:
    by_paper: dict[str, Counter[str]] = {}
    for result in results:
        by_paper.setdefault(result.claim.partition("/")[0], Counter())[result.verdict] += 1
    seen = [name for name in _VERDICTS if any(counts[name] for counts in by_paper.values())]
    rows = [
        [code(paper), *(str(counts[name]) if counts[name] else "" for name in seen)]
        for paper, counts in by_paper.items()
    ]
    return table(["paper", *seen], rows, right=seen)


def _all(results: Sequence[Result]) -> str:
    rows = [
        [code(result.id), text(number(result.published)), text(measured(result)), str(result.n or "–"),
         text(result.label), text(STATE[result.baseline])]
        for result in results
    ]  # fmt: skip
    return table(["item", "published", "measured", "n", "verdict", "baseline"], rows, right=("n",))
