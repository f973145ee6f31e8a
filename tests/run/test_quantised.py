"""Trials that quantise another trial's network: the very same training, done once, whoever else needs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.errors import StoreError
from edgebench.run.record import Measured, Record, Status
from edgebench.run.trial import ARTEFACT, Trial, trials_of
from tests.run.bench import Bench, epochs, text
from tests.run.pretrained import FIRST, PRETRAIN, settle
from tests.run.scripted import Scripted
from tests.run.test_plan_needs import planned

LOSS = 'loss: {value: a.top1 - q.top1, expect: "> 0", margin: 0.5}'
PLAIN = 'plain: {value: a.top1 - b.top1, expect: "> 0", margin: 0.5}'
ARMS = "{a: {}, b: {epochs: 3}, q: {quantise: int8}}"
TWO = "looks: [2]"


def weights(trial: Trial) -> bytes:
    return f"weights of {epochs(trial)} epochs, seed {trial.seed}".encode()


def script(trial: Trial) -> Measured | Status:
    """A training yields weights exactly when it is asked for them; the quantised network loses five points."""
    if trial.quantises:
        return Measured({"top1": 85.0, "model_bytes": 10.0})
    kept = trial.keeps or ARTEFACT in trial.wanted
    metrics = {"top1": 90.0 - 10 * (epochs(trial) - 2), "macs": 7.0, "model_bytes": 40.0}
    return Measured(metrics, {"lr": (0.1, 0.2)}, artefact=weights(trial) if kept else None)


def older(trial: Trial) -> Measured:
    """What a version returned that measured neither multiply-accumulates nor bytes."""
    return Measured({"top1": 90.0 - 10 * (epochs(trial) - 2)}, {"lr": (0.1, 0.2)})


def claim(bench: Bench, effects: str = LOSS, name: str = "claim", arms: str = ARMS, tier: str = TWO) -> Claim:
    return bench.claim(text(tier, effects, arms), name)


def ran(executor: Scripted) -> list[tuple[int | str, int]]:
    """(epochs or `q`, seed) of what was started, in order."""
    return [("q" if trial.quantises else epochs(trial), trial.seed) for trial in executor.started]


def stored(bench: Bench, trial: Trial) -> Record | None:
    session = bench.sessions[-1]
    return session.store.get(trial.hash, session.jobs.identity)


def files(bench: Bench) -> list[Path]:
    return sorted((bench.folder / "artefacts").iterdir())


def test_the_training_is_the_plain_arms_own_and_runs_once_for_each_seed(bench: Bench) -> None:
    made = claim(bench)
    judged, _, executor = settle(bench, made, script, workers=2)
    assert sorted(ran(executor), key=str) == sorted([(2, 0), (2, 1), ("q", 0), ("q", 1)], key=str)
    given = {
        trial.seed: start for trial, start in zip(executor.started, executor.starts, strict=True) if start
    }
    assert given == {seed: f"weights of 2 epochs, seed {seed}".encode() for seed in (0, 1)}
    assert judged["loss"].verdict is not None
    assert judged["loss"].verdict.values == (5.0, 5.0)
    arms = trials_of(made, made.cases[0].tiers["smoke"], ("a", "q"), range(2))
    plain, quantised = ([trial for arm, trial in arms if arm == name] for name in "aq")
    assert [trial.needs for trial in quantised] == plain
    assert [trial.needs.hash for trial in quantised if trial.needs] == [trial.hash for trial in plain]
    assert len({trial.hash for trial in quantised}) == 2


def test_its_record_has_the_trainings_curves_and_costs_and_its_own_scores(bench: Bench) -> None:
    made = claim(bench)
    settle(bench, made, script)
    ((_, trial),) = trials_of(made, made.cases[0].tiers["smoke"], ("q",), range(1))
    record = stored(bench, trial)
    assert record is not None
    assert record.measured == Measured({"top1": 85.0, "macs": 7.0, "model_bytes": 10.0}, {"lr": (0.1, 0.2)})


@pytest.mark.parametrize("prefetch", [True, False])
def test_a_claim_without_it_that_comes_first_leaves_the_weights(bench: Bench, prefetch: bool) -> None:
    first, second = claim(bench, PLAIN, "first"), claim(bench, LOSS, "second")
    session, executor = bench.session(script, prefetch=prefetch)
    session.expect(second.cases[0].tiers["smoke"])
    for each in (first, second):
        key = session.add(each, each.cases[0], each.cases[0].tiers["smoke"])
        assert all(judged.verdict for judged in session.settle(key).values())
    assert sorted(ran(executor), key=str) == sorted(
        [(2, 0), (2, 1), (3, 0), (3, 1), ("q", 0), ("q", 1)], key=str
    )


def test_without_anybody_to_quantise_nothing_is_kept(bench: Bench) -> None:
    settle(bench, claim(bench, PLAIN, arms="{a: {}, b: {epochs: 3}}"), script)
    assert not (bench.folder / "artefacts").exists()


def test_after_a_run_that_kept_no_weights_it_is_trained_once_more(bench: Bench) -> None:
    first = claim(bench, PLAIN, "first", arms="{a: {}, b: {epochs: 3}}")
    settle(bench, first, script)
    judged, _, executor = settle(bench, claim(bench, LOSS, "second"), script)
    assert sorted(ran(executor), key=str) == sorted([(2, 0), (2, 1), ("q", 0), ("q", 1)], key=str)
    assert judged["loss"].verdict is not None
    for again in (first, claim(bench, LOSS, "third")):
        _, _, executor = settle(bench, again, script)
        assert executor.started == []


@pytest.mark.parametrize("damage", [None, b"something else"])
def test_weights_that_are_gone_or_damaged(bench: Bench, damage: bytes | None) -> None:
    made = claim(bench)
    settle(bench, made, script)
    for path in files(bench):
        path.unlink() if damage is None else path.write_bytes(damage)
    _, _, executor = settle(bench, made, script)
    assert executor.started == [], "all that was made of them is there"
    _, _, executor = settle(bench, claim(bench, PLAIN, "other"), script)
    assert ran(executor) == [(3, 0), (3, 1)], "the plain arm's values are there too"
    tensors = claim(bench, LOSS, "tensors", ARMS.replace("int8", "{name: int8, per: tensor}"))
    if damage is not None:
        with pytest.raises(StoreError, match=r"an artefact is damaged: .* \(delete it"):
            settle(bench, tensors, script)
        for path in files(bench):
            path.unlink()
    judged, _, executor = settle(bench, tensors, script)
    assert sorted(ran(executor), key=str) == sorted([(2, 0), (2, 1), ("q", 0), ("q", 1)], key=str)
    assert judged["loss"].verdict is not None
    assert [path.stem for path in files(bench)] == sorted(
        hashlib.sha256(f"weights of 2 epochs, seed {seed}".encode()).hexdigest() for seed in (0, 1)
    )


def test_a_training_that_diverged_gives_the_worst_values(bench: Bench) -> None:
    def outcome(trial: Trial) -> Measured | Status:
        return Measured({"macs": 7.0}, diverged=True) if epochs(trial) == 2 else script(trial)

    made = claim(bench, 'left: {value: b.top1 - q.top1, expect: "> 0"}')
    judged, _, executor = settle(bench, made, outcome)
    assert judged["left"].verdict is not None
    assert judged["left"].verdict.values == (80.0, 80.0)
    assert judged["left"].diverged == 2
    assert ("q", 0) not in ran(executor)
    judged, _, executor = settle(bench, made, outcome)
    assert executor.started == []
    assert judged["left"].diverged == 2


def test_a_training_that_fails_fails_it(bench: Bench) -> None:
    judged, _, executor = settle(bench, claim(bench), lambda trial: Status.crashed)
    assert judged["loss"].failure == "arm 'a', trial micronet on digits, seed 0: crashed: as scripted"
    assert ran(executor) == [(2, 0), (2, 1)]
    failed, _, executor = settle(
        bench, claim(bench, 'q: {value: q.top1, expect: "> 0"}'), lambda trial: Status.crashed
    )
    assert failed["q"].failure == (
        "arm 'q', trial micronet on digits, int8, seed 0: crashed: micronet on digits, seed 0, "
        "whose weights it needs: crashed: as scripted"
    )


@pytest.mark.parametrize("ended", range(4))
def test_an_interrupted_run_goes_on_where_it_was(bench: Bench, ended: int) -> None:
    left = ended

    def outcome(trial: Trial) -> Measured | Status:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return script(trial)

    made = claim(bench)
    with pytest.raises(KeyboardInterrupt):
        settle(bench, made, outcome)
    before = ran(bench.sessions[-1].executor)[:ended]  # type: ignore[arg-type]
    bench.sessions.pop().close()
    judged, _, executor = settle(bench, made, script)
    assert sorted([*before, *ran(executor)], key=str) == sorted([(2, 0), (2, 1), ("q", 0), ("q", 1)], key=str)
    assert judged["loss"].verdict is not None


def test_the_training_may_itself_start_from_a_pretraining(bench: Bench) -> None:
    arms = f"{{a: {{start: {PRETRAIN}}}, q: {{start: {PRETRAIN}, quantise: int8}}}}"
    made = claim(bench, 'q: {value: q.top1, expect: "> 0"}', arms=arms)
    plan = planned([made])
    assert len(plan.trials) == 5
    judged, _, executor = settle(bench, made, script, workers=3)
    assert ran(executor)[0] == (FIRST, 0), "nothing else can be started"
    assert sorted(ran(executor), key=str) == sorted([(2, 0), (2, 1), (FIRST, 0), ("q", 0), ("q", 1)], key=str)
    given = dict(zip(ran(executor), executor.starts, strict=True))
    assert given[2, 1] == f"weights of {FIRST} epochs, seed 0".encode()
    assert given["q", 1] == b"weights of 2 epochs, seed 1"
    assert judged["q"].verdict is not None


def test_the_plan_counts_a_training_without_weights_as_one_to_run(bench: Bench) -> None:
    first = claim(bench, PLAIN, "first", arms="{a: {}, b: {epochs: 3}}")
    settle(bench, first, script)
    second = claim(bench, LOSS, "second")
    plan = planned([first, second], bench.sessions[-1].store)
    assert plan.most.trials == 4
    settle(bench, second, script)
    assert planned([first, second], bench.sessions[-1].store).most.trials == 0


@pytest.mark.parametrize("name", ["macs", "model_bytes"])
def test_records_of_a_version_that_did_not_measure_it_are_made_again_where_it_is_read(
    bench: Bench, name: str
) -> None:
    arms = "{a: {}, b: {epochs: 3}}"
    settle(bench, claim(bench, PLAIN, "plain", arms), older)
    equal = claim(bench, f'equal: {{value: a.{name} - b.{name}, expect: "~ 0 ± 0.1"}}', "equal", arms)
    assert planned([equal], bench.sessions[-1].store).most.trials == 4
    _, _, executor = settle(bench, claim(bench, PLAIN, "again", arms), script)
    assert executor.started == [], "who does not read it is served"
    judged, _, executor = settle(bench, equal, script)
    assert len(executor.started) == 4
    assert judged["equal"].verdict is not None
    _, _, executor = settle(bench, equal, script)
    assert executor.started == []


def test_a_metric_that_cannot_be_measured_is_not_tried_for_ever(bench: Bench) -> None:
    def uncounted(trial: Trial) -> Measured:
        return Measured({"top1": 90.0, "model_bytes": 40.0})

    equal = claim(bench, 'equal: {value: a.macs - b.macs, expect: "~ 0 ± 0.1"}')
    judged, _, executor = settle(bench, equal, uncounted)
    assert judged["equal"].failure is not None
    assert "did not measure 'macs'" in judged["equal"].failure
    _, _, executor = settle(bench, equal, uncounted)
    assert executor.started == []


def test_more_may_be_asked_of_a_training_while_it_runs(bench: Bench) -> None:
    session, executor = bench.session(script)
    made = claim(bench)
    ((_, plain), (_, quantised)) = trials_of(made, made.cases[0].tiers["smoke"], ("a", "q"), range(1))
    jobs = session.jobs
    jobs.need(plain, None, None)
    jobs.fill([jobs[plain.hash]])
    jobs.need(quantised, None, None)
    for _ in range(3):
        jobs.collect(0.0)
        jobs.fill([jobs[quantised.hash]])
    jobs.collect(0.0)
    assert ran(executor) == [(2, 0), (2, 0), ("q", 0)]
    record = jobs[quantised.hash].record
    assert record is not None
    assert record.status is Status.ok


def test_on_a_gpu_quantised_seeds_never_share_a_process(bench: Bench) -> None:
    made = claim(bench, tier="looks: [3]")
    session, executor = bench.session(script)
    executor.together = 20
    groups: list[int] = []
    submit = executor.submit

    def counting(trials: tuple[Trial, ...], *arguments: object, **options: object) -> None:
        groups.append(len(trials))
        submit(trials, *arguments, **options)  # type: ignore[arg-type]

    executor.submit = counting  # type: ignore[method-assign]
    judged = session.settle(session.add(made, made.cases[0], made.cases[0].tiers["smoke"]))
    assert judged["loss"].verdict is not None
    assert groups == [3, 1, 1, 1]
