"""Items and trials as flat rows, for the formats that are tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgebench.report.documents import item_document
from edgebench.report.export.content import ExportedTrial
from edgebench.report.history import Entry

# Columns of items with the types of their values; all but the first may be empty.
ITEM_COLUMNS: Mapping[str, type] = {
    "id": str, "paper": str, "claim": str, "effect": str, "case": str, "tier": str, "statement": str, "where": str,
    "expression": str, "expectation": str, "margin": float, "unit": str, "published": float, "measured": float,
    "low": float, "high": float, "level": float, "n": int, "verdict": str, "subtype": str, "proxy": bool,
    "certificate": str,
    "diverged": int, "baseline": str, "as_recorded": bool, "recorded_verdict": str, "recorded_value": float,
    "tolerance": float, "values": list, "trained": int, "cached": int, "seconds": float, "run": int, "when": str,
    "commit": str, "torch": str, "machine": str,
}  # fmt: skip


def item_row(entry: Entry) -> dict[str, Any]:
    """An item and the run that it is of, by the names of `ITEM_COLUMNS`."""
    content, run = item_document(entry.result), entry.run
    recorded = content["recorded"] or {}
    content |= {
        "recorded_verdict": recorded.get("verdict"), "recorded_value": recorded.get("value"),
        "tolerance": recorded.get("tolerance"), "run": run.number, "when": run.when.isoformat(timespec="seconds"),
        "commit": run.commit, "torch": run.torch, "machine": run.machine,
    }  # fmt: skip
    return {name: content[name] for name in ITEM_COLUMNS}


def trial_row(trial: ExportedTrial) -> dict[str, Any]:
    """A trial without its metrics and curves; its settings as JSON."""
    row = {**trial.to_json(), "settings": json.dumps(trial.settings, sort_keys=True, ensure_ascii=False)}
    return {name: value for name, value in row.items() if name not in ("metrics", "curves")}


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str | int | float | bool]:
    """Settings by their paths, `optimiser.lr`; lists as JSON."""
    found: dict[str, str | int | float | bool] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        elif isinstance(value, str | int | float):
            found[prefix + key] = value
        else:
            found[prefix + key] = json.dumps(value)
    return found
