"""Results of given values, and stores with runs of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from edgebench.report.result import Result
from edgebench.run.database import Database
from edgebench.run.history import RunLog, new_uid

IDENTITY: dict[str, str | int] = {"device": "cpu", "processor": "A Chip, cpu family 6", "torch": "2.9.0"}


def result_of(item: str, values: Sequence[float] = (), **changes: Any) -> Result:
    """A result with these values: of seeds, or of an exact quantity when there is only one."""
    mean = sum(values) / len(values) if values else None
    trained = len(values) > 1
    content: dict[str, Any] = {
        "claim": "demo/trained", "item": item, "statement": "It learns", "where": "Table 1", "location": "c.yaml:1:1",
        "tier": "smoke", "expression": "plain.top1 - slow.top1", "expectation": "> 0", "margin": 0.5,
        "published": 3.0, "unit": "points", "verdict": "reproduced" if values else "failed", "label": "",
        "value": mean, "low": min(values) if trained else None, "high": max(values) if trained else None,
        "n": len(values), "baseline": "matches", "green": bool(values), "said": (), "expected": None,
        "trained": len(values), "note": None, "values": tuple(values), "seconds": 2.0 * len(values),
    }  # fmt: skip
    return Result(**{**content, **changes})


def log_run(store: Path, *results: Result, ended: bool = True, **options: Any) -> None:
    """Add a run to a store; options as of `RunLog`, and `torch`, the version that it was made with."""
    identity = {**IDENTITY, "torch": options.pop("torch", "2.9.0"), **options.pop("identity", {})}
    settings = {"command": "edgebench run", "tier": "smoke", "identity": identity, "claims": store.parent}
    with closing(Database(store)) as opened:
        log = RunLog(opened, new_uid(), **{**settings, **options})
        for result in results:
            log.add(result.to_json())
        if ended:
            log.end()


def set_commit(store: Path, number: int, commit: str, dirty: bool = False) -> None:
    """Let a run have been made at a commit."""
    with closing(Database(store)) as opened, opened.transaction() as db:
        db.execute("UPDATE run SET revision = ?, dirty = ? WHERE number = ?", (commit, dirty, number))
