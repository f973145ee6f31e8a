"""A claim in words: what its verdicts need, and what a run would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.report.explain import explain
from edgebench.run.options import Options
from edgebench.run.plan import plan
from tests import roots


@pytest.mark.parametrize(
    ("expect", "margin", "needs"),
    [
        ("> 0", 0.5, "reproduced when the interval lies above 0.5 points, contradicted when it lies below it"),
        ("< 2", 0.5, "reproduced when the interval lies below 1.5 points, contradicted when it lies above it"),
        ("~ 3 ± 1", 0, "reproduced when the interval lies within 2 … 4 points, contradicted when it lies outside"),
    ],
)  # fmt: skip
def test_what_a_verdict_needs(tmp_path: Path, expect: str, margin: float, needs: str) -> None:
    text = roots.TRAINED.replace('"> 0", margin: 0.5', f'"{expect}", margin: {margin}')
    claim = roots.load(tmp_path, text)
    said = explain(claim, {"smoke": plan([claim], Options(workers=1), None, lambda *_: None)})
    assert f"  gain: {needs}\n  between the two, at the last look: inconclusive\n" in said
    arms = said.index("    slow: optimiser.lr=1e-06")
    assert (
        arms < said.index("--tier smoke` would do here") < said.index("  trials: 0 in the store; to run: 4 ")
    )
