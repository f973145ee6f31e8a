"""Trainings of several stages, and what each leaves open."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from edgebench.claim.settings import TrainSettings
from edgebench.errors import SettingsError
from edgebench.models import tensors
from edgebench.train.stages import stages_of
from edgebench.train.trial import run_training

BASE = {
    "model": "micronet", "data": {"name": "digits", "train": 200, "val": 100},
    "optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9}, "epochs": 2, "batch": 50,
}  # fmt: skip


def settings(**given: Any) -> TrainSettings:
    return TrainSettings.model_validate(BASE | given)


def weights(artefact: bytes | None) -> dict[str, torch.Tensor]:
    assert artefact is not None
    return tensors.read(artefact, "here")[0]


def test_what_a_stage_leaves_open_is_as_in_the_one_before() -> None:
    found = stages_of(
        settings(
            unfrozen=2,
            stop={"patience": 3},
            then=[
                {"epochs": 4, "schedule": "cosine"},
                {"epochs": 5, "optimiser": {"name": "adam", "lr": 0.1}, "unfrozen": 1},
                {"epochs": 6, "prune": {"parameters": 5000}},
            ],
        )
    )
    assert [stage.epochs for stage in found] == [2, 4, 5, 6]
    assert [stage.optimiser.name for stage in found] == ["sgd", "sgd", "adam", "adam"]
    assert [stage.schedule.name for stage in found] == ["constant", "cosine", "cosine", "cosine"]
    assert [stage.unfrozen for stage in found] == [2, None, 1, None], "stages thaw, unless they say otherwise"
    assert [stage.stop is None for stage in found] == [False, True, True, True]
    assert [stage.prune is None for stage in found] == [True, True, True, False]


def test_stages_with_a_new_optimiser_each_are_not_one_training() -> None:
    whole = run_training(settings(epochs=4), 0)
    parts = run_training(settings(then=[{"epochs": 2}]), 0)
    assert parts.curves["val_loss"][:2] == whole.curves["val_loss"][:2]
    assert parts.curves["val_loss"][2:] != whole.curves["val_loss"][2:], "momentum starts anew"
    assert len(parts.curves["lr"]) == 4
    assert parts.metrics["epochs"] == 4


def test_only_the_unfrozen_layers_move() -> None:
    start = weights(run_training(settings(optimiser={"name": "sgd", "lr": 1e-12}), 0, keeps=True).artefact)
    frozen = weights(run_training(settings(unfrozen=1), 0, keeps=True).artefact)
    learnt = [name for name in start if "running" not in name and "tracked" not in name]
    moved = {name for name in learnt if not torch.allclose(start[name], frozen[name], atol=1e-6)}
    assert moved == {"classifier.weight", "classifier.bias"}
    assert torch.equal(frozen["mix.bn.running_mean"], torch.zeros(96)), (
        "its statistics are those of fresh weights"
    )


def test_a_stage_thaws_what_the_first_had_frozen() -> None:
    before = weights(run_training(settings(unfrozen=1), 0, keeps=True).artefact)
    after = weights(run_training(settings(unfrozen=1, then=[{"epochs": 1}]), 0, keeps=True).artefact)
    moved = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-6)}
    assert moved >= {"classifier.weight", "stem.conv.weight", "stem.bn.running_var"}


def test_early_stopping_ends_with_the_best_epoch() -> None:
    # A rate that throws the network about, so that its loss rises and falls.
    wild = {"name": "sgd", "lr": 0.8, "momentum": 0.9}
    whole = run_training(settings(optimiser=wild, epochs=12), 0)
    stopped = run_training(settings(optimiser=wild, epochs=12, stop={"patience": 2}), 0)
    losses = stopped.curves["val_loss"]
    count = len(losses)
    assert count < 12
    assert losses == whole.curves["val_loss"][:count]
    assert count - 1 - losses.index(min(losses)) == 2
    assert stopped.metrics["val_loss"] == min(losses), "what is measured is the network that is kept"
    assert stopped.metrics["epochs"] == count
    kept = run_training(settings(optimiser=wild, epochs=count - 2), 0)
    assert stopped.metrics["top1"] == kept.metrics["top1"]
    assert stopped.correct == kept.correct


def test_pruning_is_a_stage() -> None:
    pruned = {"epochs": 1, "prune": {"parameters": 4000}}
    found = run_training(settings(then=[pruned], stop={"patience": 1}), 0, keeps=True)
    assert found.metrics["params.nonzero"] == 4000
    state = weights(found.artefact)
    learnt = [each for name, each in state.items() if "running" not in name and "tracked" not in name]
    assert sum(int((each != 0).sum()) for each in learnt) == 4000
    assert "stem.conv.weight" in state
    assert run_training(settings(), 0).metrics["params.nonzero"] > 4000


def test_more_layers_than_there_are() -> None:
    with pytest.raises(SettingsError, match="'unfrozen' is 99"):
        run_training(settings(unfrozen=99), 0)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"unfrozen": 99}, "'unfrozen' is 99"),
        ({"prune": {"parameters": 3}}, "3 parameters are to be left"),
        ({"optimiser": {"name": "adam", "lr": 0.1, "momentum": 0.9}}, "optimiser 'adam' has no 'momentum'"),
        ({"schedule": {"name": "cosine", "warmup": 3}}, "a warm-up of 3 epochs in a training of 1"),
    ],
)
def test_what_a_later_stage_cannot_do_is_found_before_the_first_begins(
    stage: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgebench.train.stages.fit", lambda *_, **__: pytest.fail("a stage has begun"))
    with pytest.raises(SettingsError, match=message):
        run_training(settings(then=[{"epochs": 1, **stage}]), 0)


@pytest.mark.parametrize("first", [0.05, 1e38])
def test_a_network_that_diverges_counts_the_parameters_that_it_would_have_had(first: float) -> None:
    pruned = {"epochs": 1, "prune": {"parameters": 4000}, "optimiser": {"name": "sgd", "lr": 1e38}}
    small = {"model": "dual-path", "data": {"name": "digits", "train": 200, "val": 100, "size": 16}}
    found = run_training(
        settings(**small, optimiser={"name": "sgd", "lr": first}, unfrozen=1, then=[pruned]), 0
    )
    assert found.diverged
    assert len(found.curves["lr"]) == (2 if first < 1 else 0), "in the second stage, or in the first"
    assert (found.metrics["params"], found.metrics["params.nonzero"]) == (6462, 4000)
