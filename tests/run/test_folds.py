"""Runs of cross-validated arms: which trials there are, who shares them, and what they really train and test on."""

from __future__ import annotations

import sqlite3
import textwrap
from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.claim import Claim
from edgebench.claim.settings import TrainSettings
from edgebench.judge.verdict import Outcome
from edgebench.report.live import live_session, settle_claims
from edgebench.run.costs import Costs
from edgebench.run.options import Options
from edgebench.run.record import Measured, Status
from edgebench.run.trial import Trial, resolve, trials_of
from tests import roots
from tests.run.bench import Bench

FOLDED = """
    claim: Folds differ little
    where: Table 1
    settings:
      model: micronet
      data: {name: digits, folds: 3, val: 100}
      batch: 16
      optimiser: {name: sgd, lr: 0.05, momentum: 0.9}
    arms: {dual: {}, short: {epochs: 1}}
    tiers: {smoke: {epochs: 2, looks: [2, 3]}}
    effects:
      spread: {value: max(dual.folds.top1) - min(dual.folds.top1), expect: "< 40"}
      level: {value: dual.top1, expect: "> 20"}
"""
ONE = (
    FOLDED.replace("folds: 3", "folds: 3, fold: 2")
    .replace("{value: max(dual.folds.top1) - min(dual.folds.top1)", "{value: dual.gap")
    .replace("Folds differ little", "One fold learns")
)
TRIAL: dict[str, Any] = {
    "model": "micronet",
    "data": {"name": "digits", "folds": 3, "val": 100},
    "epochs": 2,
    "optimiser": {"name": "sgd", "lr": 0.05},
}


def fold(trial: Trial) -> int:
    assert isinstance(trial.settings, TrainSettings)
    return trial.settings.data.fold or 0


def scripted(trial: Trial) -> Measured | Status:
    return Measured({"top1": 80.0 + fold(trial) + 0.1 * trial.seed, "macs": 1.0})


def loaded(bench: Bench, text: str, name: str = "claim") -> Claim:
    return bench.claim(textwrap.dedent(text), name)


def trial(number: int, seed: int = 0, **data: Any) -> Trial:
    content = {**TRIAL, "data": {**TRIAL["data"], "fold": number, **data}}
    return Trial("train", TrainSettings.model_validate(content), seed, "d")


def test_every_fold_is_a_trial_of_each_seed(bench: Bench) -> None:
    claim = loaded(bench, FOLDED)
    session, executor = bench.session(scripted)
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert [(fold(each), each.seed) for each in executor.started] == [
        (number, seed) for seed in (0, 1) for number in (1, 2, 3)
    ], "and no arm that nobody reads"
    spread, level = judged["spread"].verdict, judged["level"].verdict
    assert spread is not None
    assert level is not None
    assert spread.values == pytest.approx((2.0, 2.0))
    assert level.values == pytest.approx((82.0, 82.1))
    assert (judged["level"].trained, judged["level"].cached) == (6, 0)


def test_a_claim_of_one_fold_shares_its_trials(bench: Bench) -> None:
    claims = loaded(bench, FOLDED, "all"), loaded(bench, ONE.replace("dual.gap", "dual.top1"), "one")
    session, executor = bench.session(scripted)
    for claim in claims:
        session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert len(executor.started) == len({each.hash for each in executor.started}) == 6


def test_what_is_wanted_of_an_arm_is_wanted_of_its_folds(bench: Bench) -> None:
    claim = loaded(bench, FOLDED.replace("dual.top1,", "mean(dual.folds.macs) + dual.model_bytes,"))
    case = claim.cases[0]
    pairs = trials_of(claim, case.tiers["smoke"], ("dual/1", "dual/3"), range(1), case.effects.values())
    assert [(arm, each.wanted) for arm, each in pairs] == [
        (arm, {"macs", "model_bytes"}) for arm in ("dual/1", "dual/3")
    ]


def test_a_failure_names_the_fold(bench: Bench) -> None:
    claim = loaded(bench, FOLDED)
    session, _ = bench.session(lambda each: Status.crashed if fold(each) == 3 else scripted(each))
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    assert judged["level"].failure is not None
    assert "arm 'dual/3', trial micronet on digits, fold 3 of 3, seed 0" in judged["level"].failure


PRETRAIN = {"pretrain": {"seeds": "own", "epochs": 1, "optimiser": {"name": "sgd", "lr": 0.1}}}


@pytest.mark.parametrize("first", [{"start": PRETRAIN}, {"distill": {"teacher": {"model": "micronet"}}}])
def test_what_comes_before_a_training_leaves_out_the_same_fold(first: dict[str, Any]) -> None:
    content = {**TRIAL, "data": {**TRIAL["data"], "fold": 2}, **first}
    found = resolve("train", TrainSettings.model_validate(content)).at(3)
    assert found.needs is not None
    assert isinstance(found.needs.settings, TrainSettings)
    assert isinstance(found.settings, TrainSettings)
    assert found.needs.settings.data == found.settings.data
    assert found.needs.seed == 3, "whose folds are those of the training"


class Book:
    def __init__(self, *timings: tuple[Trial, float]) -> None:
        self.content = [(each.settings_json, seconds) for each, seconds in timings]

    def timings(self, identity: str) -> list[tuple[str, float]]:
        return self.content


def test_folds_of_one_arm_take_the_same_time_and_others_do_not() -> None:
    known = Costs(Book((trial(1), 40.0), (trial(2, 1), 50.0)), "here")
    for number in (1, 2, 3):
        cost = known.of(trial(number, 7))
        assert cost is not None
        assert (cost.seconds, cost.source) == (45.0, "timed")
    assert known.of(trial(1, folds=6)) is None
    known.add(trial(1, folds=6), 60.0)
    assert known.of(trial(5, folds=6)) == known.of(trial(1, folds=6))


def test_hashes_tell_folds_apart_and_those_without_stay() -> None:
    assert len({trial(number).hash for number in (1, 2, 3)} | {trial(1, folds=4).hash}) == 4
    plain = TrainSettings.model_validate({**TRIAL, "data": {"name": "digits", "val": 100}})
    assert "fold" not in Trial("train", plain, 0, "d").settings_json


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Both claims really run over one store, and what became of their effects."""
    folder = tmp_path_factory.mktemp("folded")
    options = Options(tier="smoke", store=folder / "store.sqlite", workers=2)
    claims = [
        roots.load(folder / "claims", textwrap.dedent(text), name)
        for text, name in ((FOLDED, "all"), (ONE, "one"))
    ]
    with live_session(options) as session:
        found = {
            (claim.id.partition("/")[2], key): each
            for claim, cases in settle_claims(session, claims, options)
            for _, effects in cases
            for key, each in effects.items()
        }
    return options.store, found


def test_really_trained_folds_give_verdicts_and_are_shared(store: tuple[Path, Any]) -> None:
    path, found = store
    assert found["all", "level"].failure is None
    level, spread = found["all", "level"].verdict, found["all", "spread"].verdict
    assert level.outcome is Outcome.reproduced
    assert min(spread.values) > 0
    both = max(level.n, spread.n), max(found["one", key].verdict.n for key in ("level", "spread"))
    with sqlite3.connect(path) as db:
        (trials,) = db.execute("select count(*) from record").fetchone()
    assert trials == 3 * both[0] + max(0, both[1] - both[0]), (
        "the second fold is trained once for both claims"
    )
