"""Which way seeds of one arm are trained, and that nothing is lost on either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from edgebench.run.record import Measured
from edgebench.train import together
from edgebench.train.loop import Diverged
from edgebench.train.stacked import run_stacked
from edgebench.train.together import Choice, compared, run_trainings
from edgebench.train.trial import run_training
from tests.train.fixtures import settings
from tests.train.tuned import PRETRAIN, tuned, weights

SEEDS = (0, 1, 2)
ONE = settings(epochs=1)


def results(found: Sequence[Measured]) -> list[Any]:
    """All but times and how they were come by."""
    scalars = [
        {name: value for name, value in each.metrics.items() if name != "train_seconds"} for each in found
    ]
    return [
        (metrics, each.curves, each.correct, each.diverged)
        for metrics, each in zip(scalars, found, strict=True)
    ]


@pytest.fixture
def one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU where one program is faster."""
    monkeypatch.setattr(together, "together", lambda *arguments: Choice(3, "faster", 1.23456, 4.0))


def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "ready", lambda device: torch.device("cuda"))


def test_one_seed_is_trained_as_ever() -> None:
    (found,) = run_trainings(ONE, [1])
    assert results([found]) == results([run_training(ONE, 1)])
    assert "together" not in found.how


def test_on_a_cpu_seeds_are_trained_one_after_the_other() -> None:
    found = run_trainings(ONE, (2, 0))
    assert results(found) == results([run_training(ONE, seed) for seed in (2, 0)]), "bit for bit"
    assert {(each.how["together"], each.how["together_why"]) for each in found} == {(1, together.ON_A_CPU)}


@pytest.mark.usefixtures("one_program")
def test_where_it_is_faster_they_share_a_program() -> None:
    found = run_trainings(ONE, SEEDS)
    assert results(found) == results(run_stacked(ONE, SEEDS))
    expected = {"together": 3, "together_why": "faster", "stacked_ms": 1.235, "separate_ms": 4.0}
    assert [each.how for each in found] == [expected] * 3


@pytest.mark.usefixtures("one_program")
def test_a_lack_of_memory_ends_in_separate_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*arguments: Any, **further: Any) -> list[Measured]:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(together, "run_stacked", exhausted)
    found = run_trainings(ONE, SEEDS)
    assert results(found) == results([run_training(ONE, seed) for seed in SEEDS])
    assert found[0].how["together"] == 1
    assert found[0].how["together_why"] == "the device has not enough memory for all of them at once"


@pytest.mark.usefixtures("one_program")
def test_a_divergence_among_others_is_confirmed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the seed is to blame or a neighbour's NaN that reached it."""
    good = run_stacked(ONE, SEEDS)
    monkeypatch.setattr(
        together,
        "run_stacked",
        lambda *arguments, **further: [good[0], Measured({}, {}, None, True), good[2]],
    )
    found = run_trainings(ONE, SEEDS)
    assert results(found) == results([good[0], run_training(ONE, 1), good[2]])
    assert not found[1].diverged


@pytest.mark.parametrize(("times", "seeds"), [((2.0, 1.0), 3), ((4.0, 1.0), 1)])
def test_the_faster_way_is_chosen(
    monkeypatch: pytest.MonkeyPatch, times: tuple[float, float], seeds: int
) -> None:
    """A step of the stack against a step of each seed."""
    clock = iter(times)
    monkeypatch.setattr(together, "_milliseconds", lambda run, device: next(clock))
    choice = compared(ONE, SEEDS)
    assert (choice.seeds, choice.stacked_ms, choice.separate_ms) == (seeds, times[0], 3 * times[1])


def test_both_ways_are_timed_over_steps_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: dict[str, int] = {"stacked": 0, "alone": 0}
    step, train_epoch = together.step, together.train_epoch

    def stacked(*arguments: Any) -> Any:
        steps["stacked"] += 1
        return step(*arguments)

    def alone(model: Any, batches: Any, *arguments: Any) -> float:
        chosen = list(batches)
        steps["alone"] += len(chosen)
        return train_epoch(model, chosen, *arguments)

    monkeypatch.setattr(together, "step", stacked)
    monkeypatch.setattr(together, "train_epoch", alone)
    choice = compared(settings(augment={"mixup": {"alpha": 0.4}}), SEEDS)
    assert steps == {"stacked": 13, "alone": 13}, "more than an epoch has batches"
    assert choice.stacked_ms is not None
    assert choice.separate_ms is not None
    assert min(choice.stacked_ms, choice.separate_ms) > 0
    assert choice.seeds == (3 if choice.stacked_ms < choice.separate_ms else 1)


def test_on_a_gpu_what_cannot_be_stacked_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_gpu(monkeypatch)
    monkeypatch.setattr(together, "stackable", lambda *arguments: "no rule")
    assert together.together(ONE, SEEDS, None, "cuda") == Choice(1, "no rule")


@pytest.mark.parametrize(
    "change", [{"start": {"pretrain": PRETRAIN}, "method": None}, {"start": None}, {}], ids=str
)
def test_on_a_gpu_what_is_fine_tuned_is_trained_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """With the weights that it starts from, and without a try at both ways, which knows nothing of them."""

    def tried(*arguments: Any) -> Any:
        raise AssertionError("not asked for")

    arm, content = tuned(epochs=1, **change), weights()
    expected = [run_training(arm, seed, weights=content) for seed in (0, 1)]
    with monkeypatch.context() as patch:
        on_a_gpu(patch)
        patch.setattr(together, "compared", tried)
        patch.setattr(together, "stackable", tried)
        patch.setattr(together, "run_stacked", tried)
        patch.setattr(together, "run_training", _on_the_cpu)
        found = run_trainings(arm, (0, 1), None, "cuda", weights=content)
    assert results(found) == results(expected)
    assert {each.how["together"] for each in found} == {1}
    assert "fine-tuned" in str(found[0].how["together_why"])


def _on_the_cpu(arm: Any, seed: int, content: str | None, device: str, **options: Any) -> Measured:
    assert device == "cuda"
    return run_training(arm, seed, content, **options)


def test_weights_are_kept_of_every_seed() -> None:
    found = run_trainings(ONE, (0, 1), keeps=True)
    assert [each.artefact for each in found] == [
        run_training(ONE, seed, keeps=True).artefact for seed in (0, 1)
    ]
    assert found[0].artefact != found[1].artefact


@pytest.mark.parametrize("error", [Diverged, torch.OutOfMemoryError])
def test_on_a_gpu_a_comparison_that_fails_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*arguments: Any) -> Choice:
        raise error

    on_a_gpu(monkeypatch)
    monkeypatch.setattr(together, "stackable", lambda *arguments: None)
    monkeypatch.setattr(together, "compared", fails)
    choice = together.together(ONE, SEEDS, None, "cuda")
    assert choice.seeds == 1
    assert choice.stacked_ms is None
    assert choice.why
