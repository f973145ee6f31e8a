"""Whole runs with real trainings that start from others' weights: killed in between, in processes, and on Ray nodes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil
import pytest

from edgebench.claim.settings import TrainSettings
from edgebench.run import ray_node
from edgebench.run.local import LocalExecutor
from edgebench.run.options import Options
from edgebench.run.record import Measured, Record, Status
from edgebench.run.trial import Trial, resolve
from edgebench.run.worker import run_here
from tests import roots
from tests.run.test_runs import PATIENCE, children, command, comparable, finished, rows, settled, until

# The pretraining ends soon; a look at six trials that start from it takes a while.
TUNED = """
    claim: More blocks learn more
    where: Table 3
    settings:
      model: micronet
      data: {name: digits, classes: [0, 1, 2], train: 200, val: 100}
      epochs: 5
      batch: 8
      optimiser: {name: sgd, lr: 0.05}
      start: {pretrain: {data: {name: digits, train: 200}, epochs: 1, optimiser: {name: sgd, lr: 0.1}}}
    arms:
      two: {method: {name: mobiletl, blocks: 2}}
      head: {method: ft-last}
    tiers: {smoke: {looks: [3]}}
    effects:
      gain: {value: two.top1 - head.top1, expect: "> 0", margin: 0.5}
      spared: {value: "head.activation_bytes / two.activation_bytes", expect: "< 1"}
"""


def tuned() -> Trial:
    start = {"pretrain": {"data": {"name": "digits", "train": 64}, "epochs": 1, "optimiser": SGD}}
    content: dict[str, Any] = {
        "model": {"name": "micronet"},
        "data": {"name": "digits", "classes": [0, 1], "train": 40, "val": 10},
        "optimiser": SGD,
        "epochs": 2,
        "batch": 8,
        "start": start,
        "method": {"name": "mobiletl", "blocks": 2},
    }
    return resolve("train", TrainSettings.model_validate(content))


SGD = {"name": "sgd", "lr": 0.05}


@pytest.fixture(scope="module")
def weights() -> bytes:
    """What the pretraining of `tuned` keeps."""
    needs = tuned().needs
    assert needs is not None
    (record,) = run_here((needs,))
    assert record.measured is not None, record.message
    assert record.measured.artefact is not None
    return record.measured.artefact


def here(weights: bytes) -> Measured | None:
    (record,) = run_here((tuned(),), start=weights)
    return record.measured


def ended(executor: Any) -> list[Record]:
    found: list[Record] = []
    end = time.monotonic() + PATIENCE
    while executor.running:
        assert time.monotonic() < end
        found += [record for _, record in executor.wait(1.0)]
    return found


def test_a_process_of_its_own_takes_and_returns_weights(weights: bytes) -> None:
    executor = LocalExecutor(2)
    trial = tuned()
    assert trial.needs is not None
    executor.submit((trial.needs,))
    executor.submit((trial,), start=weights)
    records = {record.trial: record for record in ended(executor)}
    executor.close()
    first, found = records[trial.needs.hash].measured, records[trial.hash].measured
    assert first is not None, records[trial.needs.hash].message
    assert first.artefact == weights, "the same bytes in any process"
    assert comparable(found) == comparable(here(weights))


def test_a_trial_that_is_not_given_its_weights_says_so() -> None:
    (record,) = run_here((tuned(),))
    assert (record.status, record.measured) == (Status.error, None)
    assert record.message == "the trained weights that it starts from were not handed over"


def test_a_checkpoint_that_is_not_the_planned_one_is_refused(tmp_path: Path, weights: bytes) -> None:
    path = tmp_path / "own.safetensors"
    path.write_bytes(weights)
    plain = tuned().settings.model_dump(exclude_none=True)
    trial = resolve("train", TrainSettings.model_validate({**plain, "start": {"weights": f"file:{path}"}}))
    (record,) = run_here((trial,))
    assert record.status is Status.ok, record.message
    assert comparable(record.measured) == comparable(here(weights)), "the same weights from a file"
    path.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    (record,) = run_here((trial,))
    assert record.status is Status.error
    assert f"the checkpoint 'file:{path}' changed after the run was planned" in record.message
    assert str(trial.weights) in record.message


def test_a_ray_node_hands_them_to_its_process(weights: bytes) -> None:
    (record,) = _records(ray_node.run_trials((tuned(),), None, None, ray_node.conditions("cpu"), [], weights))
    assert record.status is Status.ok, record.message
    assert comparable(record.measured) == comparable(here(weights))


def _records(answer: Any) -> list[Record]:
    assert isinstance(answer, list)
    return answer


def test_the_ray_executor_sends_them_with_the_task(weights: bytes) -> None:
    """Again, too, when the node asked for the dataset first."""
    ray_executor = pytest.importorskip("edgebench.run.ray_executor")
    executor = object.__new__(ray_executor.RayExecutor)
    task = Mock()
    task.options.return_value.remote.side_effect = ["first", "second"]
    executor._task, executor._cluster, executor._ray = task, Mock(), Mock()
    executor._running, executor._sent, executor._conditions = {}, {}, {}
    executor._ray.get.return_value = None  # it lacks the data
    executor._cluster.placing.return_value = {}
    executor.submit((tuned(),), 5.0, 1.0, weights)
    executor._ray.wait.return_value = (["first"], [])
    executor._room = lambda: 1
    assert executor.wait(0.1) == []
    calls = task.options.return_value.remote.call_args_list
    assert [call.args[:3] for call in calls] == [((tuned(),), 5.0, 1.0)] * 2
    assert [call.args[-1] for call in calls] == [weights] * 2
    assert [len(call.args[4]) for call in calls] == [0, 1]


def test_killed_after_the_pretraining_it_goes_on_from_there(tmp_path: Path) -> None:
    roots.write(tmp_path / "claims", tuned=TUNED)
    store = tmp_path / "store.sqlite"
    driver = command(tmp_path)
    until(lambda: len(finished(store)) >= 1)
    family = children(driver)
    driver.kill()
    driver.communicate()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    before = finished(store)
    assert len(before) < 7, "in the middle"
    artefacts = list((tmp_path / "artefacts").iterdir())
    assert len(artefacts) == 1
    driver = command(tmp_path)
    out, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 1, f"there is no baseline: {err}"
    assert "Traceback" not in out + err
    after = finished(store)
    assert after[: len(before)] == before, "the pretraining is not run again"
    assert len({trial for trial, _ in after}) == 7
    assert rows(store, "SELECT count(*) FROM lease") == [(0,)]
    assert list((tmp_path / "artefacts").iterdir()) == artefacts
    claim = roots.load(tmp_path / "claims", TUNED, "tuned")
    untouched = settled(claim, Options(store=tmp_path / "other" / "store.sqlite"))
    assert measured(tmp_path / "other" / "store.sqlite") == measured(store)
    assert untouched["spared"].outcome == "reproduced"
    again = settled(claim, Options(store=store))
    assert {key: each.value for key, each in again.items()} == {
        key: each.value for key, each in untouched.items()
    }


def measured(store: Path) -> Any:
    """Correct answers of every trial on the test images, and the digests of what was kept."""
    query = "SELECT trial, correct, json_extract(measured, '$.artefact') FROM record ORDER BY trial"
    return rows(store, query)
