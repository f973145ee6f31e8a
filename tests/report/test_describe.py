"""Claims in words."""

from __future__ import annotations

import textwrap
from pathlib import Path

from edgebench.report.describe import describe_claim
from tests import roots

FOLDED = """
    claim: Folds differ little
    where: Table 1
    settings:
      model: micronet
      data: digits
      optimiser: {name: sgd, lr: 0.05}
    arms: {dual: {data: {folds: 6}}, first: {data: {folds: 6, fold: 1}}, plain: {batch: 8}}
    tiers: {smoke: {epochs: 2, looks: [2]}}
    effects:
      level: {value: dual.top1 - plain.top1, expect: "> 20"}
"""


def test_the_folds_of_an_arm_are_one_line(tmp_path: Path) -> None:
    lines = describe_claim(roots.load(tmp_path, textwrap.dedent(FOLDED))).splitlines()
    (tier,) = [place for place, line in enumerate(lines) if line.startswith("  tier smoke")]
    told = [line for line in lines[tier + 1 : -3] if not line.startswith("    all arms: ")]
    assert told, "what all arms share takes more than one line"
    assert all(line.startswith("      ") for line in told), "and its further lines lie below it"
    assert lines[-3:] == [
        "    dual, 6 folds: data.folds=6, batch=128",
        "    first: data.folds=6, batch=128, data.fold=1",
        "    plain: batch=8",
    ]


def test_stages_are_told_setting_by_setting(tmp_path: Path) -> None:
    staged = FOLDED.replace(
        "{dual: {data: {folds: 6}}, first: {data: {folds: 6, fold: 1}}, plain: {batch: 8}}", "ARMS"
    )
    arms = (
        "{dual: {then: [{epochs: 3, unfrozen: 1}, {epochs: 4}]}, plain: {then: [{epochs: 3}, {epochs: 4}]}}"
    )
    text = describe_claim(roots.load(tmp_path, textwrap.dedent(staged.replace("ARMS", arms))))
    assert "then.1.epochs=3, then.2.epochs=4" in " ".join(text.split())
    assert text.splitlines()[-2:] == ["    dual: then.1.unfrozen=1", "    plain: as above"]
