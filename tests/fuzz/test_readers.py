"""Every reader under a few of the hostile inputs of `python -m tools.fuzz`, which feeds them 100,000 and more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.fuzz import campaign
from tools.fuzz.targets import TARGETS

# Some seconds altogether; what is slow to feed gets less.
COUNTS = {
    "claims": 120, "recipes": 30, "papers": 80, "baselines": 30, "expressions": 800, "expectations": 800, "stores": 60,
    "bundles": 20, "images": 60, "safetensors": 60, "torch-files": 40,
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_errors_of_our_own_in_bounded_time(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))  # also put back what the target sets
    monkeypatch.setenv("EDGEBENCH_DATA", "")
    target = TARGETS[name](tmp_path / "target")
    count = COUNTS.get(name, 120)
    tally = campaign.run(target, 20, range(count))
    assert not tally.failures, "\n".join(f"{each.error}: {each.data[:300]!r}" for each in tally.failures)
    assert tally.accepted, "inputs that are of no use at all say little about a reader"
    assert tally.count == count
