"""Sessions opened from options: the cores are divided between those who share a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.run import environment
from edgebench.run.harness import open_session
from edgebench.run.options import Options


@pytest.mark.parametrize(("shared_by", "workers"), [(1, 6), (2, 3), (4, 1), (100, 1)])
def test_processes_of_a_run_share_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_by: int, workers: int
) -> None:
    monkeypatch.setattr(environment, "available_cores", lambda: 6)
    session = open_session(Options(store=tmp_path / "store.sqlite"), shared_by=shared_by)
    assert session.executor.workers == workers
    assert session.prefetch is (shared_by == 1)
    session.close()
    session = open_session(Options(store=tmp_path / "store.sqlite", workers=5), shared_by=shared_by)
    assert session.executor.workers == 5
    session.close()
