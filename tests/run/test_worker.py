"""What a trial's process makes of results and exceptions."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from edgebench.claim.settings import DataSettings, ModelSettings, OptimiserSettings, TrainSettings
from edgebench.data.source import digest
from edgebench.errors import ModelError
from edgebench.run import worker
from edgebench.run.record import Measured, Status
from edgebench.run.trial import Trial
from tests.faults.recording import Observed
from tests.run.misbehaving import Misbehaving

GOOD = Measured({"top1": 1.0}, {"val_top1": (1.0, 2.0)})
TRIAL: Any = Misbehaving("well")


def ran(monkeypatch: pytest.MonkeyPatch, outcome: Measured | Exception) -> Any:
    def measure(trials: Any, device: str, start: bytes | None) -> list[Measured]:
        if isinstance(outcome, Exception):
            raise outcome
        return [outcome for _ in trials]

    monkeypatch.setattr(worker, "measure", measure)
    (record,) = worker.run_here((TRIAL,))
    return record


def test_a_result_comes_with_where_and_when_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    record = ran(monkeypatch, GOOD)
    assert (record.trial, record.status, record.measured, record.message) == ("well 0", Status.ok, GOOD, "")
    assert record.seconds >= 0
    assert record.environment["identity"]["threads"] == 1
    assert record.environment["state"]["when"]
    json.dumps(record.environment)


def test_choices_made_for_speed_are_state_and_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    record = ran(monkeypatch, replace(GOOD, how={"together": 5, "stacked_ms": 1.5}))
    assert record.measured == GOOD
    assert (record.environment["state"]["together"], record.environment["state"]["stacked_ms"]) == (5, 1.5)
    assert "together" not in record.environment["identity"]


def test_several_trials_are_seeds_of_one_arm() -> None:
    settings = TrainSettings(
        model=ModelSettings(name="micronet"),
        data=DataSettings(name="digits", train=64, val=50),
        optimiser=OptimiserSettings(name="sgd", lr=0.1),
        epochs=1,
        batch=32,
    )
    trials = [Trial("train", settings, seed, digest(settings.data)) for seed in (2, 0)]
    together = worker.run_here(tuple(trials))
    for trial, record in zip(trials, together, strict=True):
        (alone,) = worker.run_here((trial,))
        assert record.trial == alone.trial == trial.hash
        assert record.measured is not None
        assert alone.measured is not None
        assert record.measured.curves == alone.measured.curves
        assert record.environment["state"]["together"] == 1  # type: ignore[index]


def test_divergence_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    record = ran(monkeypatch, replace(GOOD, diverged=True))
    assert record.status is Status.diverged
    assert record.measured is not None


@pytest.mark.parametrize(
    ("measured", "name"),
    [
        pytest.param(
            *(Measured({"top1": math.nan}), "top1"),
            marks=pytest.mark.fault("numbers", "a measurement is not finite", "an accuracy that is NaN"),
        ),
        (Measured({"top1": 1.0, "flops": math.inf}), "flops"),
        (Measured({}, {"val_loss": (1.0, math.nan)}), "val_loss"),
    ],
)
def test_numbers_that_are_not_finite_never_become_results(
    monkeypatch: pytest.MonkeyPatch, measured: Measured, name: str, observed: Observed
) -> None:
    record = ran(monkeypatch, measured)
    assert (record.status, record.measured) == (Status.error, None)
    assert record.message == f"not a finite number: {name}"
    observed(status=record.status, said=record.message)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ModelError("no such block", hint="try another"), Status.error, "no such block (try another)"),
        (KeyError("weight"), Status.error, "KeyError: 'weight' (at test_worker.py:"),
        (ValueError(), Status.error, "ValueError: no message (at test_worker.py:"),
        (MemoryError(), Status.out_of_memory, "MemoryError: no message (at test_worker.py:"),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4398046511104 bytes"
            ),
            Status.out_of_memory,
            "RuntimeError: DefaultCPUAllocator",
        ),
        (OSError(12, "Cannot allocate memory"), Status.out_of_memory, "OSError: [Errno 12]"),
    ],
)
def test_exceptions_become_named_statuses(
    monkeypatch: pytest.MonkeyPatch, error: Exception, status: Status, message: str
) -> None:
    record = ran(monkeypatch, error)
    assert (record.status, record.measured) == (status, None)
    assert record.message.startswith(message)
    assert "\n" not in record.message


def test_a_long_message_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(ran(monkeypatch, ValueError("x" * 10**6)).message) == 2000


LIMITED = """
import resource
from edgebench.run.worker import limit_memory
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
limit_memory(4 << 30)
print(resource.getrlimit(resource.RLIMIT_DATA)[0])
limit_memory(1 << 29)
print(resource.getrlimit(resource.RLIMIT_DATA)[0])
"""


def test_a_memory_limit_that_is_already_lower_stays() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [str(1 << 30), str(1 << 29)]


@pytest.mark.fault(
    "data",
    "a dataset changes after the plan",
    "a trial whose hash was made with another SHA-256 of its data",
)
def test_data_that_changed_after_planning_is_refused(observed: Observed) -> None:
    settings = TrainSettings(
        model=ModelSettings(name="micronet"),
        data=DataSettings(name="digits"),
        optimiser=OptimiserSettings(name="sgd", lr=0.1),
        epochs=1,
    )
    (record,) = worker.run_here((Trial("train", settings, 0, "0" * 64),))
    assert record.status is Status.error
    observed(status=record.status, said=record.message)
    assert "the content of 'digits' changed after the run was planned" in record.message
