"""What a Ray node does with trials, without a cluster: the conditions it checks and the data it takes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from edgebench.claim.settings import (
    DataSettings,
    ModelSettings,
    OptimiserSettings,
    PropertySettings,
    TrainSettings,
)
from edgebench.data.prepared import find, pack
from edgebench.data.source import digest
from edgebench.errors import SettingsError
from edgebench.run import environment, ray_node
from edgebench.run.ray_node import Refused, code_digest, conditions, differences, run_trials
from edgebench.run.record import Status
from edgebench.run.trial import Trial
from tests.data import fixtures

PROPERTY = Trial("property", PropertySettings(name="cosine-schedule", cases=2), 0, None)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """One whose data are on another machine, packed in `tmp_path / "elsewhere"`."""
    fixtures.save(tmp_path / "own.npz", fixtures.plain(train=62, test=20))
    settings = TrainSettings(
        model=ModelSettings(name="micronet"),
        data=DataSettings(name=f"npz:{tmp_path / 'own.npz'}", train=40, val=10),
        optimiser=OptimiserSettings(name="sgd", lr=0.05),
        epochs=1,
    )
    content = digest(settings.data)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("EDGEBENCH_CACHE", str(tmp_path / "elsewhere"))
        packed = pack(settings.data, content)
    (tmp_path / "own.npz").unlink()
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get={"reference": packed}.__getitem__))
    return Trial("train", settings, 0, content)


def test_conditions_are_the_identity_and_what_else_has_to_be_equal() -> None:
    found = conditions("cpu")
    assert {name: found[name] for name in environment.identity()} == environment.identity()
    assert found["EdgeBench's code"] == code_digest()
    assert {"numpy", "timm"} < set(found)


def test_differences_name_only_what_differs() -> None:
    one: dict[str, str | int] = {"torch": "2.0", "numpy": "2.0", "threads": 1}
    assert differences([one, {**one, "torch": "2.1"}]) == ["torch 2.0", "torch 2.1"]
    assert differences([one, {**one, "numpy": "2.1", "threads": 2}]) == [
        "numpy 2.0, threads 1",
        "numpy 2.1, threads 2",
    ]


@pytest.fixture
def on_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    context = SimpleNamespace(get_node_id=lambda: "7f")
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get_runtime_context=lambda: context))


@pytest.mark.usefixtures("on_a_node")
def test_an_unlike_node_refuses_trials_and_says_why() -> None:
    here = conditions("cpu")
    answer = run_trials((PROPERTY, PROPERTY), None, None, {**here, "processor": "another"}, [])
    assert answer == Refused("7f", f"processor {here['processor']} instead of processor another")


@pytest.mark.usefixtures("on_a_node")
def test_a_node_that_cannot_say_what_it_is_refuses_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = conditions("cpu")
    monkeypatch.setattr(ray_node, "conditions", Mock(side_effect=SettingsError("no GPU here")))
    assert run_trials((PROPERTY,), None, None, expected, []) == Refused("7f", "no GPU here")


def test_trials_run_and_leave_the_main_module_where_it_was() -> None:
    main = sys.modules["__main__"]
    records = run_trials((PROPERTY,), 60.0, None, conditions("cpu"), [])
    assert isinstance(records, list)
    assert [record.status for record in records] == [Status.ok]
    assert sys.modules["__main__"] is main


def test_data_that_are_not_here_are_asked_for_and_then_taken(trial: Trial) -> None:
    assert isinstance(trial.settings, TrainSettings)
    assert trial.data is not None
    assert run_trials((trial,), None, None, conditions("cpu"), []) is None
    records = run_trials((trial,), None, None, conditions("cpu"), ["reference"])
    assert isinstance(records, list)
    assert find(trial.settings.data, trial.data) is not None
    # No reference is needed any more, and the source is nowhere.
    again = run_trials((trial,), None, None, conditions("cpu"), [])
    assert isinstance(again, list)
    assert [record.status for record in (*records, *again)] == [Status.ok, Status.ok]


def test_data_that_cannot_be_kept_fail_the_trial(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", "/dev/null/below")
    records: Any = run_trials((trial,), None, None, conditions("cpu"), ["reference"])
    assert [record.status for record in records] == [Status.error]
    assert "the cache folder cannot be written" in records[0].message
