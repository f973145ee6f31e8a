"""Nodes of a real Ray cluster that are unlike the others: at the start of a run, and joining it later."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebench.claim.settings import PropertySettings
from edgebench.errors import SettingsError, TrialError
from edgebench.judge.verdict import Verdict
from edgebench.run import environment, ray_executor
from edgebench.run.local import LocalExecutor
from edgebench.run.ray_executor import RayExecutor
from edgebench.run.record import Status
from edgebench.run.session import Session
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.run.ray_nodes import PATIENCE, Nodes, until

pytest.importorskip("ray")

# Python runs it in every process of a node that has it on its path.
CLAIMS = """
from pathlib import Path

read = Path.read_text

def claim(path, *args, **kwargs):
    return "model name: Imagined" if str(path) == "/proc/cpuinfo" else read(path, *args, **kwargs)

Path.read_text = claim
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """One node, which the driver joins through."""
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    try:
        made.add(alike=1)
        yield made
    finally:
        made.stop()
    until(lambda: not any(made.processes(number) for number in range(8)))


def test_a_cluster_of_unlike_nodes_is_refused_unless_a_resource_picks_like_ones(
    nodes: Nodes, tmp_path: Path
) -> None:
    information = tmp_path / "torch-1.2.3.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.2.3\n")
    like, unlike = nodes.add(alike=1), nodes.add(path=tmp_path)
    with pytest.raises(
        SettingsError, match=r"not alike: torch \S+ on 2 \(.*; torch 1\.2\.3 on 1 \(.*--resource"
    ):
        RayExecutor(nodes.address)
    executor = RayExecutor(nodes.address, resource="alike", workers=1)
    try:
        assert executor.free == 1, "of two that have the resource"
        assert executor.identity == LocalExecutor(1).identity
    finally:
        executor.close()
    nodes.kill(like)
    nodes.kill(unlike)


def test_an_unlike_node_that_joins_later_is_left_out_and_fails_nothing(
    nodes: Nodes, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLAIMS)
    claim = roots.load(tmp_path / "root", roots.TRAINED)
    like = nodes.add(late=1)
    executor = RayExecutor(nodes.address, resource="late")
    session = Session(Store(tmp_path / "store.sqlite"), executor)
    try:
        assert executor.free == 1
        nodes.add(late=1, path=tmp_path)
        until(lambda: executor.free == 2)
        with caplog.at_level(logging.WARNING, "edgebench"):
            case = claim.cases[0]
            (judged,) = session.settle(session.add(claim, case, case.tiers["smoke"])).values()
        assert isinstance(judged.verdict, Verdict), judged.failure
        processor = environment.identity()["processor"]
        apart = f"processor Imagined instead of processor {processor}"
        said = [record.getMessage() for record in caplog.records if record.name.startswith("edgebench")]
        assert len(said) == 1, "it was sent trials, and left out once"
        assert said[0].startswith("a Ray node gets no trials, because it is unlike those that the run began")
        assert said[0].endswith(f": {apart}")
        assert executor.free == 1

        # Without a like node, trials wait for one as they do in a cluster without nodes.
        nodes.kill(like)
        until(lambda: executor.free == 0)
        trial = Trial("property", PropertySettings(name="cosine-schedule", cases=3), 0, None)
        executor.submit((trial,))
        assert executor.wait(2.0) == []
        with monkeypatch.context() as patch:
            patch.setattr(ray_executor, "_PATIENCE", 0.0)
            with pytest.raises(
                TrialError, match=r"no node .* for 0 s; left out as unlike the others: .*: proc"
            ):
                executor.wait(1.0)
        assert executor.running == [trial]
        nodes.add(late=1)
        end = time.monotonic() + PATIENCE
        while not (ended := executor.wait(1.0)):
            assert time.monotonic() < end
        assert [(each, record.status) for each, record in ended] == [(trial, Status.ok)]
    finally:
        session.close()
    db = sqlite3.connect(tmp_path / "store.sqlite")
    try:
        assert db.execute("SELECT count(*) FROM attempt").fetchall() == [(0,)], "no failure is stored"
        ((count,),) = db.execute("SELECT count(*) FROM record").fetchall()
    finally:
        db.close()
    assert count == judged.trained
