"""Whole runs with real trials: the same numbers whatever happens to the process, and however many work on it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from edgebench.report.live import live_session, settle_claims
from edgebench.run.local import LocalExecutor
from edgebench.run.options import Options
from edgebench.run.record import Measured, Record, Status
from edgebench.run.trial import trials_of
from tests import roots
from tests.faults.recording import Observed

PATIENCE = 300.0  # seconds

LONGER = roots.TRAINED.replace("epochs: 3", "epochs: 4").replace("[2, 4]}\n      short", "[3]}\n      short")

LIMITS = """
    claim: Budgets are kept
    where: nowhere
    settings: {model: micronet, data: {name: digits, train: 64, val: 50}, batch: 32, epochs: 1,
               optimiser: {name: sgd, lr: 0.1}}
    arms: {plain: {}, other: {epochs: 2}}
    tiers: {smoke: {looks: [2], LIMIT}}
    effects:
      difference: {value: plain.top1 - other.top1, expect: "> 0"}
"""


def comparable(measured: Measured | None) -> Any:
    """Everything but the time it took."""
    assert measured is not None
    metrics = {name: value for name, value in measured.metrics.items() if name != "train_seconds"}
    return metrics, measured.curves, measured.correct, measured.diverged


def settled(claim: Any, options: Options) -> Any:
    """The verdict (or the failure) of every effect."""
    with live_session(options) as session:
        return {
            key: each.verdict or each.failure
            for _, cases in settle_claims(session, [claim], options)
            for _, effects in cases
            for key, each in effects.items()
        }


def rows(store: Path, query: str) -> list[Any]:
    db = sqlite3.connect(store)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def test_the_same_trial_twice_gives_the_same_bits(tmp_path: Path) -> None:
    """In fresh processes; with dropout, crops, mixing and every other source of randomness switched on."""
    text = roots.TRAINED.replace(
        "batch: 8", "batch: 8\n      augment: {crop: 1, flip: true, mixup: {alpha: 0.3}}"
    )
    claim = roots.load(tmp_path, text.replace("model: micronet", "model: {name: micronet, dropout: 0.3}"))
    (_, trial), *_ = trials_of(claim, claim.cases[0].tiers["smoke"], ("plain",), range(3, 4))
    executor = LocalExecutor(2)
    records: list[Record] = []
    for _ in range(2):
        executor.submit((trial,))
    while executor.running:
        records += [record for _, record in executor.wait(1.0)]
    one, other = records
    assert one.status is Status.ok, one.message
    assert comparable(one.measured) == comparable(other.measured)
    metrics, curves, correct, _ = comparable(one.measured)
    assert {len(curve) for curve in curves.values()} == {3}
    right = sum(byte.bit_count() for byte in correct)
    assert metrics["top1"] == pytest.approx(100 * right / 500)
    assert metrics["gap"] == metrics["train_top1"] - metrics["top1"]


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    claim = roots.load(tmp_path, roots.TRAINED)
    found = [
        settled(claim, Options(store=tmp_path / f"{workers}.sqlite", workers=workers)) for workers in (1, 2)
    ]
    assert found[0] == found[1]
    assert found[0]["gain"].outcome == "reproduced"
    query = "SELECT trial, measured, correct FROM record ORDER BY trial"
    one, two = (rows(tmp_path / f"{workers}.sqlite", query) for workers in (1, 2))
    assert [(trial, correct) for trial, _, correct in one] == [(trial, correct) for trial, _, correct in two]


def test_the_order_of_trials_changes_nothing(tmp_path: Path) -> None:
    """Each trial is a process of its own: what ran before it, or beside it, leaves no trace in its values."""
    claim = roots.load(tmp_path, roots.TRAINED)
    trials = [
        trial for _, trial in trials_of(claim, claim.cases[0].tiers["smoke"], ("plain", "slow"), range(3))
    ]
    found: list[dict[str, Any]] = []
    for order, workers in ((trials, 2), (trials[::-1], 1)):
        executor, left = LocalExecutor(workers), list(order)
        records: dict[str, Any] = {}
        while left or executor.running:
            while left and executor.free > 0:
                executor.submit((left.pop(0),))
            records |= {trial.hash: comparable(record.measured) for trial, record in executor.wait(1.0)}
        found.append(records)
    assert found[0] == found[1]
    assert len(found[0]) == 6


@pytest.mark.parametrize(
    ("limit", "status"), [("timeout: 0.001", "timed_out"), ("memory: 0.05", "out_of_memory")]
)
def test_limits_are_kept(tmp_path: Path, limit: str, status: str) -> None:
    claim = roots.load(tmp_path, LIMITS.replace("LIMIT", limit))
    failure = settled(claim, Options(store=tmp_path / "store.sqlite"))["difference"]
    assert f"seed 0: {status}: " in failure
    assert rows(tmp_path / "store.sqlite", "SELECT count(*) FROM record") == [(0,)]
    assert (status,) in rows(tmp_path / "store.sqlite", "SELECT status FROM attempt")


def test_impossible_settings_fail_with_the_reason(tmp_path: Path) -> None:
    claim = roots.load(tmp_path, LIMITS.replace("LIMIT", "data: {train: 5000}"))
    failure = settled(claim, Options(store=tmp_path / "store.sqlite"))["difference"]
    assert "5000 training and 50 validation images were asked for" in failure


@pytest.mark.parametrize(
    "arm",
    [
        pytest.param(
            "other",
            marks=pytest.mark.fault(
                "numbers", "the loss of a treatment is NaN", "a learning rate of 1e30 for one of two arms"
            ),
        ),
        pytest.param(
            "plain",
            marks=pytest.mark.fault(
                "numbers",
                "the loss of the reference is NaN",
                "a learning rate of 1e30 for the arm that has a floor",
            ),
        ),
    ],
)
def test_a_diverged_treatment_loses(tmp_path: Path, arm: str, observed: Observed) -> None:
    limit = f"floor: {{top1: 5}}, arms: {{{arm}: {{optimiser: {{lr: 1.0e+30}}}}}}"
    claim, store = roots.load(tmp_path, LIMITS.replace("LIMIT", limit)), tmp_path / "store.sqlite"
    verdict = settled(claim, Options(store=store))["difference"]
    statuses = {status for (status,) in rows(store, "SELECT status FROM record")}
    assert statuses == {"ok", "diverged"}
    if arm == "other":
        assert verdict.value > 5
    else:
        assert verdict.outcome == "invalid"
    observed(status=min(statuses), outcome=verdict.outcome)


# What follows runs the command in a process of its own, and ends it in the middle.


def command(folder: Path, *arguments: str, **kwargs: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edgebench", "run", "--store", "store.sqlite", "--workers", "1", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def finished(store: Path) -> list[Any]:
    """(trial, when) of every record, also of a store that is being written or not there yet."""
    try:
        return rows(store, "SELECT trial, created FROM record ORDER BY created")
    except sqlite3.OperationalError:
        return []


def until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def children(process: subprocess.Popen[str]) -> Sequence[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.fault(
    "driver",
    "the command is killed",
    "SIGKILL to `edgebench run` while a trial trains, twice; then the same command again",
)
def test_killed_and_started_again_it_gives_what_it_would_have_given(
    tmp_path: Path, observed: Observed
) -> None:
    """SIGKILL in the middle of trials; nothing that was finished is trained again, and no child goes on."""
    roots.write(tmp_path / "claims", trained=LONGER)
    store = tmp_path / "store.sqlite"
    source = random.Random(4)
    before: list[Any] = []
    for killed_after in (1, 3):
        driver = command(tmp_path)
        until(lambda enough=killed_after: len(finished(store)) >= enough)
        time.sleep(source.uniform(0, 0.2))
        family = children(driver)
        assert family, "a fork server at least"
        driver.kill()
        driver.communicate()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive
        assert finished(store)[: len(before)] == before, "records stay as they are"
        before, code = finished(store), driver.returncode
    driver = command(tmp_path)
    out, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 1, "there is no baseline"
    assert "Traceback" not in out + err
    after = finished(store)
    assert after[: len(before)] == before
    assert len(after) == len({trial for trial, _ in after}) == 6
    assert rows(store, "SELECT count(*) FROM lease") == [(0,)]
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]
    untouched = settled(
        roots.load(tmp_path / "claims", LONGER, "trained"), Options(store=tmp_path / "other.sqlite")
    )
    assert f"{untouched['gain'].value:.4g}" in out
    assert untouched["gain"].outcome in out
    observed(
        exit=code,
        kept="all" if after[: len(before)] == before else "not all",
        integrity=rows(store, "PRAGMA integrity_check")[0][0],
        processes=len(alive),
        again="what was missing" if len(after) == len({trial for trial, _ in after}) else "too much",
        verdict=f"the verdict of an undisturbed run, {untouched['gain'].outcome}",
    )


@pytest.mark.parametrize(
    "while_starting",
    [
        pytest.param(
            True,
            marks=pytest.mark.fault(
                "driver", "Ctrl-C at the start", "SIGINT to all its processes, at the imports"
            ),
        ),
        pytest.param(
            False,
            marks=pytest.mark.fault("driver", "Ctrl-C", "SIGINT to all its processes while a trial trains"),
        ),
    ],
)
def test_ctrl_c_leaves_in_order(tmp_path: Path, while_starting: bool, observed: Observed) -> None:
    """A terminal sends SIGINT to the whole process group: driver, fork server, and the trial's process."""
    roots.write(tmp_path / "claims", trained=LONGER.replace("epochs: 4", "epochs: 900"))
    store = tmp_path / "store.sqlite"
    driver = command(tmp_path, start_new_session=True)
    held = "SELECT count(*) FROM lease"
    until(lambda: store.exists() and len(children(driver)) >= 2)  # resource tracker, fork server
    time.sleep(0.5)  # the server is importing
    if not while_starting:
        until(lambda: len(children(driver)) >= 3)  # and the trial
        time.sleep(1.0)
        assert rows(store, held) == [(1,)]
    family = children(driver)
    os.killpg(driver.pid, signal.SIGINT)
    out, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 130, err
    assert "Traceback" not in out + err
    assert "interrupted; finished trials are kept" in err
    assert rows(store, held) == [(0,)]
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    said = err.strip().splitlines()[-1]
    observed(exit=driver.returncode, said=said, leases=rows(store, held)[0][0], processes=len(alive))
