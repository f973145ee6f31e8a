"""What the store adds to the effects that are audited."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edgebench.claim.loader import load_claim
from edgebench.judge.audit.subject import Subject, subjects
from edgebench.report.result import Baselines
from edgebench.run import environment
from edgebench.run.audited import with_store
from edgebench.run.inputs import Known
from edgebench.run.outlook import StoredOutlook
from edgebench.run.store import Store
from tests import roots
from tests.report.findings.fixtures import BASELINE, findings


def audited(tmp_path: Path, seeds: int) -> tuple[Subject, Subject]:
    """The effect by its baseline of two seeds, and by a store of so many."""
    findings(tmp_path, seeds=seeds, trained=roots.TRAINED, baseline=BASELINE)
    claim = load_claim(tmp_path / "claims" / "demo" / "trained.yaml")
    (by_baseline,) = subjects([claim], Baselines().get)
    (path,) = tmp_path.rglob("*.sqlite")
    with closing(Store(path)) as store:
        outlook = StoredOutlook(
            store, environment.identity_key(environment.identity()), lambda c, t: None, inputs=Known()
        )
        (by_store,) = with_store([by_baseline], outlook)
    return by_baseline, by_store


@pytest.mark.parametrize("seeds", [2, 4])
def test_the_stores_seeds_and_metrics_count_where_it_has_enough(tmp_path: Path, seeds: int) -> None:
    before, after = audited(tmp_path, seeds)
    assert (before.values, before.observed) == ((2.0, 4.0), {})
    assert after.values == (20.0,) * seeds
    assert set(after.observed) == {(arm, seed) for arm in ("plain", "slow") for seed in range(seeds)}
    assert after.stored == before.stored


def test_fewer_seeds_than_the_baselines_do_not(tmp_path: Path) -> None:
    before, after = audited(tmp_path, 1)
    assert after == before
