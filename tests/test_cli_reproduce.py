"""`edgebench reproduce`: two runs of a trial beside each other, the store's record, and the baseline."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Tier
from edgebench.cli import options
from edgebench.errors import TrialError
from edgebench.run import environment, reproduce
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial, trials_of
from tests import roots
from tests.run.stocked import IDENTITY
from tests.shell import Shell

TIMED = """
    claim: A larger kernel takes longer
    where: Table 6
    kind: latency
    tiers: {smoke: {looks: [2]}}
    settings: {input: [1, 4, 8, 8]}
    arms: {small: {model: {name: full-conv, kernel: 1}}, large: {model: {name: full-conv, kernel: 3}}}
    effects:
      ratio: {value: large.step_ms / small.step_ms, expect: "> 1"}
"""


def fake(monkeypatch: pytest.MonkeyPatch, measure: Callable[[Trial, int], Measured]) -> None:
    """Trials end at once with what a function says of them and of the number of the run."""
    runs = iter(range(100))

    def run(trial: Trial, tier: Tier, device: str, start: bytes | None) -> Record:
        return Record(trial.hash, Status.ok, measure(trial, next(runs)), 1.0)

    monkeypatch.setattr(reproduce, "_run", run)


def learnt(trial: Trial, run: int = 0) -> Measured:
    """What a trial of the demonstration measures, the same in every run."""
    return Measured({"top1": random.Random(trial.hash).uniform(40, 60)}, artefact=trial.hash.encode())


def stock(shell: Shell, measure: Callable[[Trial], Measured] = learnt) -> None:
    (claim,) = load_catalogue([shell.path / "claims"]).claims
    with closing(Store(shell.path / "s.sqlite")) as store:
        for _, trial in trials_of(claim, claim.cases[0].tiers["smoke"], ("plain", "slow"), range(2)):
            record = Record(trial.hash, Status.ok, replace(measure(trial), artefact=None), 1.0)
            store.finish(record, IDENTITY, trial.describe(), trial.settings_json)


def baseline(shell: Shell, values: list[float], **environment: object) -> Path:
    path = shell.baseline("trained")
    path.parent.mkdir(parents=True, exist_ok=True)
    mean = sum(values) / len(values)
    path.write_text(
        "claim: demo/trained\ntier: smoke\nrecorded: {by: A. Reviewer, when: 2026-01-31, why: first}\n"
        f"environment: {environment}\neffects:\n  gain:\n    verdict: inconclusive\n    reason: few\n"
        f"    value: {mean}\n    interval: [{mean - 1}, {mean + 1}]\n    seeds: {values}\n    tolerance: 0\n",
        encoding="utf-8",
    )
    return path


def test_a_training_is_the_same_twice_to_the_bit(shell: Shell) -> None:
    shell.write(trained=roots.TRAINED)
    assert shell("reproduce", "demo/trained", "--arm", "slow", "--seed", "1") == 0, shell.out + shell.err
    assert "demo/trained, smoke tier, arm 'slow': micronet on digits, seed 1 (trial " in shell.out
    assert "run 2 times, each in a new process" in shell.out
    assert "equal between the two runs, bit for bit: " in shell.out
    assert "the correctness of each test image, the weights (SHA-256 " in shell.out
    assert "not equal" not in shell.out
    assert "the store has no record of it" in shell.out
    assert "environment: there is no baseline at tier smoke" in shell.out
    assert not (shell.path / ".edgebench").exists(), "nothing is stored"


def test_beside_the_store_and_the_baseline(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write(trained=roots.TRAINED)
    stock(shell)
    fake(monkeypatch, learnt)
    (claim,) = load_catalogue([shell.path / "claims"]).claims
    pairs = trials_of(claim, claim.cases[0].tiers["smoke"], ("plain", "slow"), range(2))
    top1 = {(arm, trial.seed): learnt(trial).metrics["top1"] for arm, trial in pairs}
    gains = [top1["plain", seed] - top1["slow", seed] for seed in (0, 1)]
    here = environment.identity()
    baseline(shell, gains, **here)
    command = ("reproduce", "demo/trained", "--seed", "1", "--store", "s.sqlite")
    assert shell(*command) == 0
    assert "equal with the store's record, bit for bit: 1 metric" in shell.out
    assert f"effect at seed 1: gain: {gains[1]:.4g}, as in the baseline" in shell.out
    assert "environment: edgebench: – there, " in shell.out
    baseline(shell, [gains[0], gains[1] + 0.001], **here)
    assert shell(*command) == options.NOT_AS_RECORDED, "the same machine"
    assert f"gain: {gains[1]:.4g}; {gains[1] + 0.001:.4g} in the baseline" in shell.out
    baseline(shell, [gains[0], gains[1] + 0.001], **{**here, "torch": "1.0"})
    assert shell(*command) == 0
    assert "in the baseline, recorded on another machine" in shell.out
    assert f"environment: torch: 1.0 there, {here['torch']} here" in shell.out
    stock(shell, lambda trial: Measured({"top1": 1.0}))
    assert shell(*command) == options.NOT_AS_RECORDED
    assert "not equal with the store's record: metric top1: " in shell.out


def test_two_runs_that_differ(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write(trained=roots.TRAINED)
    fake(monkeypatch, lambda trial, run: Measured({"top1": 50.0 + run * 1e-12}))
    assert shell("reproduce", "demo/trained") == options.NOT_AS_RECORDED
    assert "not equal between the two runs: metric top1: 50.0 in the first, 50.000000000001" in shell.out
    assert "gain: not compared: the store has no trial of 'slow' at this seed" in shell.out
    assert shell.out.endswith("\nnot reproduced\n")


def test_times_are_compared_within_a_tolerance(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write(timed=TIMED)

    def times(factor: float) -> Callable[[Trial, int], Measured]:
        return lambda trial, run: Measured({"small/step_ms": 1.0, "large/step_ms": 2.0 * factor**run})

    fake(monkeypatch, times(1.1))
    assert shell("reproduce", "demo/timed") == 0
    assert "times are not expected to be equal to the bit" in shell.out
    assert "ratio: 2 and 2.2, within 0.3; no baseline has it" in shell.out
    fake(monkeypatch, times(1.3))
    assert shell("reproduce", "demo/timed") == options.NOT_AS_RECORDED
    assert "ratio: 2 and 2.6, further apart than 0.3" in shell.out


def test_what_cannot_be_run(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write(trained=roots.TRAINED, blocks=roots.BLOCKS, formula=roots.FORMULA)

    def failing(*_: object) -> Record:
        raise TrialError("micronet on digits, seed 0: timed_out: stopped after its time limit of 1 s")

    monkeypatch.setattr(reproduce, "_run", failing)
    assert shell("reproduce", "demo/trained") == options.FAILED
    assert "timed_out" in shell.err
    for arguments, said in (
        (("demo/trained", "--arm", "slwo"), "did you mean 'slow'?"),
        (("demo/blocks", "--case", "cnov"), "did you mean 'conv'?"),
        (("demo/trained", "--case", "x"), "no case is called 'x'; expected no --case: it has one only"),
        (("demo/formula", "--seed", "3"), "--seed 3; expected 0"),
    ):
        assert shell("reproduce", *arguments) == options.USAGE
        assert said in shell.err
    assert shell("reproduce", "demo/trained", "--tier", "paper") == options.NOTHING_SELECTED
