"""Results, plans, claims and comparisons as JSON documents: a stable form for scripts, described in docs/json.md.

A document is an object with `edgebench` (the version that wrote it), `format` and `kind`. Keys may be added within a
format; one that is removed, renamed or means something else raises `FORMAT`. A number that is not finite is null.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edgebench import __version__
from edgebench.claim.claim import item_key

if TYPE_CHECKING:  # listing claims needs none of this at run time, and is quick
    from edgebench.claim.claim import Claim, Paper
    from edgebench.claim.problems import ClaimFileError
    from edgebench.report.compare import Compared, Pair
    from edgebench.report.history import Entry
    from edgebench.report.rejudging import Rejudged
    from edgebench.report.result import Result
    from edgebench.report.sides import Item as ItemName
    from edgebench.report.sides import Side
    from edgebench.run.history import Run
    from edgebench.run.plan import Item, Plan, Total

FORMAT = 1
VERDICTS = ("reproduced", "contradicted", "inconclusive", "invalid", "failed", "pending")
_ITEM = re.compile(r"(?P<effect>[^\[]*)(?:\[(?P<case>.*)\])?", re.DOTALL)
_SUBTYPE = re.compile(r"\w+ \((?P<subtype>[^)]*)\)")
_DIVERGED = re.compile(r"(\d+) diverged")


def document(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A document of a kind, such as `run`."""
    return {"edgebench": __version__, "format": FORMAT, "kind": kind, **content}


def text_of(content: Mapping[str, Any], *, ascii_only: bool = True) -> str:
    """The document as text: as ASCII it can be written to any terminal or pipe."""
    return json.dumps(_finite(content), indent=2, ensure_ascii=ascii_only, allow_nan=False)


def item_document(result: Result) -> dict[str, Any]:
    """One effect of one case: what was published, measured, judged and recorded."""
    name = _ITEM.fullmatch(result.item)
    assert name is not None, "the expression matches everything"
    # Results of earlier versions, which the history keeps, have these in their label alone.
    words = result.label.split(" · ")
    subtype = _SUBTYPE.match(result.label)
    diverged = [int(found[1]) for word in words if (found := _DIVERGED.fullmatch(word))]
    stored = result.expected
    return {
        "id": result.id,
        "paper": result.claim.partition("/")[0],
        "claim": result.claim,
        "effect": name["effect"],
        "case": name["case"],
        "place": {place.axis: place.label for place in result.place},
        "tier": result.tier,
        "statement": result.statement,
        "where": result.where,
        "location": result.location,
        "expression": result.expression,
        "expectation": result.expectation,
        "margin": result.margin,
        "unit": result.unit,
        "published": result.published,
        "measured": result.value,
        "low": result.low,
        "high": result.high,
        "level": result.level,
        "n": result.n,
        "values": list(result.values),
        "verdict": result.verdict,
        "subtype": subtype["subtype"] if subtype and result.verdict != "failed" else None,
        "proxy": "proxy" in words,
        "certificate": result.certificate,
        "diverged": sum(diverged),
        "label": result.label,
        "baseline": result.baseline,
        "as_recorded": result.green,
        "recorded": None
        if stored is None
        else {key: stored[key] for key in ("verdict", "value", "tolerance")},
        "moved": result.moved,
        "said": list(result.said),
        "note": result.note,
        "trained": result.trained,
        "cached": result.cached,
        "seconds": result.seconds,
    }


def run_document(
    tier: str, results: Sequence[Result], broken: Iterable[ClaimFileError], status: int
) -> dict[str, Any]:
    """What a run found, and the exit status that it left with."""
    return document("run", {
        "tier": tier,
        "exit_status": status,
        "counts": counts(results),
        "not_as_recorded": sum(not each.green for each in results if each.verdict != "pending"),
        "items": [item_document(each) for each in results],
        "broken": [str(problem) for error in broken for problem in error.problems],
    })  # fmt: skip


def rejudge_document(found: Rejudged, broken: Iterable[ClaimFileError], status: int) -> dict[str, Any]:
    """What the store's records say now, and the exit status that the command left with."""
    return document("rejudge", {
        "tiers": list(found.results),
        "exit_status": status,
        "counts": counts(found.every),
        "not_as_recorded": sum(not each.green for each in found.every if each.verdict != "pending"),
        "items": [item_document(each) for each in found.every],
        "left_out": list(found.left_out),
        "broken": [str(problem) for error in broken for problem in error.problems],
    })  # fmt: skip


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many items have each verdict; all verdicts are there."""
    found = Counter(each.verdict for each in results)
    return {verdict: found[verdict] for verdict in VERDICTS}


def list_document(papers: Mapping[str, Paper], claims: Sequence[Claim]) -> dict[str, Any]:
    """Papers and claims, as they are written."""
    named = dict.fromkeys(claim.paper for claim in claims)
    return document("list", {
        "papers": [
            {"paper": name, **papers[name].file.model_dump(include={"title", "authors", "year", "link"})}
            for name in named
        ],
        "claims": [
            {
                "claim": claim.id, "paper": claim.paper, "statement": claim.statement, "where": claim.where,
                "kind": claim.kind, "tags": list(claim.tags), "tiers": list(claim.tiers),
                "items": [item_key(key, case.id) for case in claim.cases for key in case.effects],
            }
            for claim in claims
        ],
    })  # fmt: skip


def plan_document(tier: str, plan: Plan) -> dict[str, Any]:
    """What a run would do."""
    return document("plan", {
        "tier": tier,
        "workers": plan.workers,
        "stored_trials": plan.cached,
        "shared_runs_spared": plan.spared,
        "next": _total(plan.next),
        "expected": _total(plan.expected),
        "most": _total(plan.most),
        "inconclusive": plan.inconclusive,
        "items": [_planned(item) for item in plan.items],
    })  # fmt: skip


def _total(total: Total) -> dict[str, float]:
    return {"trials": total.trials, "seconds": total.seconds, "of_unknown_length": total.unknown}


def _planned(item: Item) -> dict[str, Any]:
    forecast = item.forecast
    return {
        "id": f"{item.claim.id}::{item.name}",
        "claim": item.claim.id,
        "effect": item.effect.key,
        "case": item.case.id or None,
        "margin": item.effect.margin,
        "seeds": item.seeds,
        "verdict": None if item.verdict is None else str(item.verdict.outcome),
        "looks": [
            {"seeds": look.seeds, "missing_trials": len(look.missing), "seconds": look.seconds} for look in item.looks
        ],
        "forecast": None if forecast is None else {
            "reproduced": forecast.reproduced, "contradicted": forecast.contradicted,
            "inconclusive": forecast.inconclusive, "half_width": list(forecast.half_width),
        },
        "seconds": item.seconds,
        "error": item.error,
        "remarks": list(item.remarks),
    }  # fmt: skip


def compare_document(a: Side, b: Side, compared: Compared) -> dict[str, Any]:
    """Two sets of results side by side."""
    return document("compare", {
        "a": {"name": a.name, "runs": a.told},
        "b": {"name": b.name, "runs": b.told},
        "changed": compared.changed,
        "speed": compared.speed,
        "speed_items": compared.timed,
        "items": [_pair(pair) for pair in compared.pairs],
        "only_a": [_named(each) for each in compared.only_a],
        "only_b": [_named(each) for each in compared.only_b],
    })  # fmt: skip


def _pair(pair: Pair) -> dict[str, Any]:
    interval = pair.interval
    sides = {
        name: {
            "verdict": each.verdict,
            "measured": each.value,
            "low": each.low,
            "high": each.high,
            "n": each.n,
        }
        for name, each in (("a", pair.a), ("b", pair.b))
    }
    return {
        "id": pair.a.id,
        "tier": pair.a.tier,
        "change": str(pair.change),
        "flipped": pair.flipped,
        "difference": pair.difference,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "n": None if interval is None else interval.n,
        **sides,
    }


def _named(item: ItemName) -> dict[str, str]:
    tier, claim, name = item
    return {"id": f"{claim}::{name}", "tier": tier}


def runs_document(listed: Sequence[tuple[Run, Sequence[Result]]]) -> dict[str, Any]:
    """The runs of a store."""
    runs = [
        {**run_form(run), "counts": counts(results), "not_as_recorded": sum(
            not each.green for each in results if each.verdict != "pending"
        )}
        for run, results in listed
    ]  # fmt: skip
    return document("runs", {"runs": runs})


def history_document(claim: str, entries: Sequence[Entry]) -> dict[str, Any]:
    """The items of a claim in all runs, oldest first."""
    runs = {entry.run.number: run_form(entry.run) for entry in entries}
    items = [{"run": entry.run.number, **item_document(entry.result)} for entry in entries]
    return document("history", {"claim": claim, "runs": list(runs.values()), "items": items})


def run_form(run: Run) -> dict[str, Any]:
    """A run of the history: when, by which command, and on what."""
    return {
        "run": run.number, "uid": run.uid, "started": _when(run.started),
        "ended": None if run.ended is None else _when(run.ended), "command": run.command, "tier": run.tier,
        "executor": run.executor, "commit": run.commit, "dirty": run.dirty, "edgebench": run.version,
        "torch": run.torch, "machine": run.machine,
    }  # fmt: skip


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(each) for key, each in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(each) for each in content]
    return content
