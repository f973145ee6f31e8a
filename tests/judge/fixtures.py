"""Verdicts of given seeds, and baselines that store them."""

from __future__ import annotations

import datetime
from pathlib import Path

from pydantic import JsonValue

from edgebench.judge.baseline import Baseline, BaselineEffect, Recorded
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.verdict import Verdict, judge_seeds

VALUES = [1.2000000000000028, 0.7, 1.1, 0.9, 1.3]


def verdict_of(values: list[float], text: str = "> 0", margin: float = 0.3) -> Verdict:
    verdict = judge_seeds(values, parse_expectation(text), margin, (len(values),))
    assert isinstance(verdict, Verdict)
    return verdict


def baseline_of(**effects: BaselineEffect) -> Baseline:
    recorded = Recorded(by="A. Reviewer", when=datetime.date(2026, 1, 31), why="first recording")
    environment: dict[str, JsonValue] = {
        "torch": "2.9.0",
        "cpu": {"threads": 1, "model": "x"},
        "flags": ["avx2", 1e-07],
    }
    return Baseline(claim="p/c", tier="short", recorded=recorded, environment=environment, effects=effects)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "claim.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
