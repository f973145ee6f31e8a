"""Trials on a real Ray cluster of several nodes, which have neither the data nor the code."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil
import pytest

from edgebench.claim.settings import (
    DataSettings,
    ModelSettings,
    OptimiserSettings,
    PropertySettings,
    TrainSettings,
)
from edgebench.data import prepared
from edgebench.data.source import digest
from edgebench.errors import SettingsError, TrialError
from edgebench.run import ray_executor
from edgebench.run.executor import Executor
from edgebench.run.local import LocalExecutor
from edgebench.run.ray_executor import RayExecutor
from edgebench.run.record import Measured, Record, Status
from edgebench.run.session import Session
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.data import fixtures
from tests.faults.recording import Observed
from tests.run.misbehaving import Misbehaving
from tests.run.ray_nodes import PATIENCE, Nodes, until

pytest.importorskip("ray")

# A look at 6 seeds of both arms.
LONGER = roots.TRAINED.replace("epochs: 3", "epochs: 8").replace("[2, 4]}\n      short", "[6]}\n      short")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    try:
        for _ in range(2):
            made.add(alike=1)
        yield made
    finally:
        made.stop()
    until(lambda: not any(made.processes(number) for number in range(8)))


@dataclass
class Ran:
    """What a run on the cluster gave."""

    trials: list[Trial]
    records: dict[str, Record]
    packed: list[str]


BAD = ("segfault", "refuses", "sleep", "ray", "grandparent")


@pytest.fixture(scope="module")
def ran(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Trainings on two datasets that the driver alone has, and trials that end badly, all in one run."""
    folder = tmp_path_factory.mktemp("data")
    fixtures.save(folder / "own.npz", fixtures.plain(train=60, test=20))
    names = ("digits", f"npz:{folder / 'own.npz'}")
    trials = [training(name, seed) for seed in range(3) for name in names]
    bad: list[Any] = [Misbehaving(how) for how in BAD]
    packed: list[str] = []
    records: dict[str, Record] = {}
    with pytest.MonkeyPatch.context() as patch:
        pack = prepared.pack
        patch.setattr(prepared, "pack", lambda data, content: packed.append(data.name) or pack(data, content))
        executor = RayExecutor(nodes.address)
        assert executor.free == 2
        # Each node gets the first trials on both datasets alone, because Ray itself may give all of them to one.
        first, second = executor._cluster.slots(executor._demand)
        for seed, other in enumerate((first, second)):
            executor._cluster.left_out = {other: "while the data go to one node"}
            for trial in trials[2 * seed : 2 * seed + 2]:
                executor.submit((trial,))
            records |= collected(executor)
        executor._cluster.left_out = {}
        for trial in bad:
            executor.submit((trial,), timeout=3.0)
        for trial in trials[4:]:
            executor.submit((trial,))
        records |= collected(executor)
        assert executor.close() == []
    return Ran(trials, records, packed)


def training(name: str, seed: int) -> Trial:
    settings = TrainSettings(
        model=ModelSettings(name="micronet"),
        data=DataSettings(name=name, train=40, val=10),
        optimiser=OptimiserSettings(name="sgd", lr=0.05),
        epochs=2,
        batch=8,
    )
    return Trial("train", settings, seed, digest(settings.data))


def collected(executor: Executor) -> dict[str, Record]:
    found: dict[str, Record] = {}
    end = time.monotonic() + PATIENCE
    while executor.running:
        assert time.monotonic() < end, f"still running: {executor.running}"
        for trial, record in executor.wait(1.0):
            assert trial.hash == record.trial
            assert trial.hash not in found, "ended twice"
            found[trial.hash] = record
    return found


def comparable(measured: Measured | None) -> Any:
    """Everything but the time it took."""
    assert measured is not None
    metrics = {name: value for name, value in measured.metrics.items() if name != "train_seconds"}
    return metrics, measured.curves, measured.correct, measured.diverged


def test_the_same_trials_give_the_same_bits_as_on_one_machine(ran: Ran) -> None:
    executor = LocalExecutor(2)
    for trial in ran.trials:
        executor.submit((trial,))
    here = collected(executor)
    assert len(here) == len(ran.trials) == 6
    for trial in ran.trials:
        there = ran.records[trial.hash]
        assert there.status is Status.ok, there.message
        assert comparable(there.measured) == comparable(here[trial.hash].measured)
        assert there.environment["identity"] == here[trial.hash].environment["identity"]


def test_a_dataset_is_sent_once_to_every_node(ran: Ran, nodes: Nodes) -> None:
    names = {trial.settings.data.name for trial in ran.trials if isinstance(trial.settings, TrainSettings)}
    assert sorted(ran.packed) == sorted(names), "each put into the object store once"
    contents = {trial.data[:40] for trial in ran.trials if trial.data is not None}
    kept = [
        {folder.name.partition("-")[0] for folder in (nodes.cache(number) / "prepared").glob("*-v*/")}
        for number in range(2)
    ]
    assert kept == [contents, contents], "each node got all of them"


@pytest.mark.fault(
    "ray",
    "a Ray worker is killed",
    "SIGKILL to the Ray worker under a trial; beside it a trial that crashes and one that hangs",
)
def test_failures_are_those_of_one_machine_and_nothing_is_tried_again(ran: Ran, observed: Observed) -> None:
    found = {how: ran.records[f"{how} 0"] for how in BAD}
    assert {how: record.status for how, record in found.items()} == {
        "segfault": Status.crashed,
        "refuses": Status.error,
        "sleep": Status.timed_out,
        "ray": Status.error,
        "grandparent": Status.lost,
    }
    assert found["segfault"].message == "the process was killed by SIGSEGV"
    assert found["refuses"].message == "no such thing; expected another (look again)"
    assert found["sleep"].message == "stopped after its time limit of 3 s"
    assert found["ray"].message.startswith("RuntimeError: ray in 0 modules"), (
        "a trial's process is free of Ray"
    )
    assert found["grandparent"].message.startswith("its Ray worker or node was lost (WorkerCrashedError)")
    assert all(record.measured is None for record in found.values())
    lost, beside = found["grandparent"], f"`{found['segfault'].status}`, `{found['sleep'].status}`"
    observed(status=lost.status, said=lost.message.partition(":")[0], others=beside)


def rows(store: Path, query: str) -> list[Any]:
    db = sqlite3.connect(store)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def measured(store: Path) -> dict[str, Any]:
    found = rows(store, "SELECT trial, measured, correct FROM record")
    contents = {trial: (json.loads(content), correct) for trial, content, correct in found}
    for content, _ in contents.values():
        del content["metrics"]["train_seconds"]
    assert len(contents) == len(found), "no trial is stored twice"
    return contents


@pytest.mark.fault(
    "ray",
    "a Ray node is killed",
    "SIGKILL to all of a node while it runs a trial of 12, on three nodes",
)
def test_a_node_that_is_killed_in_the_middle_of_a_run_changes_nothing(
    nodes: Nodes, tmp_path: Path, observed: Observed
) -> None:
    claim = roots.load(tmp_path, LONGER)
    case, stores = claim.cases[0], (tmp_path / "ray.sqlite", tmp_path / "local.sqlite")
    victim = nodes.add(alike=1)
    killed: list[int] = []
    seen: set[int] = set()

    def kill(_: Any) -> None:
        # At the first sight of a trial that began since the last look, which cannot have ended before its node has.
        new = {each.pid for each in nodes.trials(victim)} - seen if not killed else set()
        seen.update(new)
        if new:
            killed.extend(new)
            nodes.kill(victim)

    session = Session(Store(stores[0]), RayExecutor(nodes.address), notify=kill)
    try:
        verdict = session.settle(session.add(claim, case, case.tiers["smoke"]))["gain"].verdict
        assert killed, "a trial ran on it"
        until(lambda: not psutil.pid_exists(killed[0]))  # it does not go on unseen
        until(lambda: session.executor.free == 2)
        # What is running when a run is closed ends with it.
        sleeping: Any = Misbehaving("sleep")
        session.executor.submit((sleeping,))
        until(lambda: [each for number in range(2) for each in nodes.trials(number)])
        assert session.executor.close() == [sleeping]
        until(lambda: not [each for number in range(2) for each in nodes.trials(number)])
    finally:
        session.executor.close()
        session.store.close()
    assert rows(stores[0], "SELECT DISTINCT status FROM attempt") == [("lost",)]
    assert rows(stores[0], "SELECT count(*) FROM lease") == [(0,)]

    local = Session(Store(stores[1]), LocalExecutor(2))
    expected = local.settle(local.add(claim, case, case.tiers["smoke"]))["gain"].verdict
    local.close()
    assert verdict == expected
    assert measured(stores[0]) == measured(stores[1])
    assert len(measured(stores[0])) == 12
    (status,) = rows(stores[0], "SELECT DISTINCT status FROM attempt")[0]
    observed(status=status, verdict="the verdict and the numbers of one machine, bit for bit")


def test_nodes_that_cannot_run_a_trial_are_refused(nodes: Nodes) -> None:
    with pytest.raises(
        SettingsError, match=r"no node .* expected a node with 2 CPU, 1 GPU, the resource 'x'"
    ):
        RayExecutor(nodes.address, cpus_per_trial=2, gpus_per_trial=1, resource="x")


def test_a_cluster_of_this_machine_alone_ends_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray
    from ray.exceptions import NodeDiedError, OutOfMemoryError, RayTaskError

    before = set(psutil.Process().children(recursive=True))
    executor = RayExecutor(workers=1)
    assert executor.free == 1
    with pytest.raises(SettingsError, match="has joined a Ray cluster already"):
        RayExecutor(workers=1)
    trial = Trial("property", PropertySettings(name="cosine-schedule", cases=3), 0, None)
    executor.submit((trial,))
    assert executor.free == 0
    (record,) = collected(executor).values()
    assert record.status is Status.ok, record.message
    # What is hard to make happen: errors that the task itself does not outlive.
    for error, status in (
        (OutOfMemoryError("node too full\nand much more"), Status.out_of_memory),
        (RayTaskError("run_trials", "traceback", ZeroDivisionError("by nought")), Status.error),
        (NodeDiedError("node gone"), Status.lost),
    ):
        executor.submit((trial,))
        with monkeypatch.context() as patch:
            patch.setattr(ray, "get", Mock(side_effect=error))
            (record,) = collected(executor).values()
        assert (record.status, record.measured) == (status, None)
        assert record.message.endswith(("node too full", "by nought", "node gone"))
    with monkeypatch.context() as patch:
        patch.setattr(ray_executor, "_LOOK", 0.0)
        patch.setattr(executor._cluster, "slots", lambda demand: {})
        assert executor.free == 0, "it may come back"
        patch.setattr(ray_executor, "_PATIENCE", 0.0)
        with pytest.raises(TrialError, match=r"no node that can .* run the same command again"):
            executor.wait(1.0)
    started = set(psutil.Process().children(recursive=True)) - before
    assert executor.close() == []
    until(lambda: not [each for each in started if each.is_running() and each.status() != "zombie"])
