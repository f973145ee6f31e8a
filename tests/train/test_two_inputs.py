"""Networks of two inputs in training: what each path is shown, and the whole of dual-path's stages."""

from __future__ import annotations

from typing import Any

import torch

from edgebench.claim.settings import TrainSettings
from edgebench.data.prepared import prepare
from edgebench.models import tensors
from edgebench.run.trial import resolve
from edgebench.train.trial import Start, run_training, set_up

TURN = {"affine": {"degrees": 30}}
BASE: dict[str, Any] = {
    "data": {"name": "digits", "train": 300, "val": 100, "size": 12},
    "optimiser": {"name": "nadam", "lr": 0.005},
    "epochs": 2,
    "batch": 50,
}


def settings(**given: Any) -> TrainSettings:
    return TrainSettings.model_validate({"model": "dual-input"} | BASE | given)


def begun(**given: Any) -> Start:
    return set_up(settings(**given), prepare(settings().data), 0, torch.device("cpu"))


def test_the_second_input_is_the_same_images_in_another_form() -> None:
    paired = list(begun(second_input=TURN, augment={"crop": 1}).batches)
    plain = list(begun(augment={"crop": 1}).batches)
    turned = list(begun(second_input={}, augment={"crop": 1}).batches)
    untouched = list(begun().batches)
    assert len(paired) == len(plain) == 6
    for (both, labels), (images, same), (halves, _), (raw, _) in zip(
        paired, plain, turned, untouched, strict=True
    ):
        assert both.shape == (50, 2, 12, 12)
        assert torch.equal(labels, same)
        assert torch.equal(both[:, :1], images), "the first input is that of arms without a second one"
        assert not torch.allclose(both[:, 1:], raw, atol=0.1)
        assert torch.equal(halves[:, 1:], raw), "nothing asked for, nothing done"


def test_submodels_are_trained_as_they_would_be_alone() -> None:
    """They share steps of an elementwise optimiser, so that neither can notice the other but by rounding."""
    both = run_training(settings(), 0)
    alone = run_training(settings(model={"name": "dual-input", "paths": 1}), 0)
    assert both.metrics["first.top1"] == alone.metrics["top1"]
    assert both.metrics["first.gap"] == both.metrics["first.train_top1"] - both.metrics["first.top1"]
    assert both.metrics["params"] == 2 * alone.metrics["params"]
    assert both.curves["train_loss"][0] > 1.5 * alone.curves["train_loss"][0], (
        "losses of both outputs are added"
    )


def test_the_stages_of_dual_path() -> None:
    pretrain = {key: BASE[key] for key in ("optimiser", "epochs", "batch")} | {
        "submodels": True, "second_input": TURN, "seeds": "own",
    }  # fmt: skip
    whole = settings(
        model="dual-path", start={"pretrain": pretrain}, second_input=TURN, unfrozen=2,
        then=[{"epochs": 1, "optimiser": {"name": "sgd", "lr": 0.001, "momentum": 0.9}}],
    )  # fmt: skip
    trial = resolve("train", whole)
    assert trial.needs is not None
    assert trial.needs.settings == settings(second_input=TURN), "a claim about the submodels shares them"
    first = run_training(settings(second_input=TURN), 0, keeps=True)
    frozen = run_training(whole.model_copy(update={"then": None}), 0, weights=first.artefact, keeps=True)
    paths, merged = (tensors.read(each.artefact or b"", "here")[0] for each in (first, frozen))
    for name in ("paths.0.first.weight", "paths.1.second.bias", "paths.1.last.bias"):
        assert torch.equal(paths[name], merged[name])
    last = merged["paths.0.last.weight"]
    assert torch.equal(paths["paths.0.last.weight"], last.flatten(1)), "dense became convolution"
    found = run_training(whole, 0, weights=first.artefact)
    assert found.curves["val_loss"][:2] == frozen.curves["val_loss"]
    assert found.metrics["params"] == first.metrics["params"] + 20 * 32 + 32 + 32 * 10 + 10
    assert frozen.metrics["params"] == 20 * 32 + 32 + 32 * 10 + 10


def test_a_pretraining_takes_the_fold_of_its_training() -> None:
    data = {**BASE["data"], "folds": 3, "fold": 2}
    pretrain = {"submodels": True, "optimiser": BASE["optimiser"], "epochs": 1, "seeds": "own"}
    trial = resolve("train", settings(model="dual-path", data=data, start={"pretrain": pretrain}))
    assert trial.needs is not None
    assert isinstance(trial.needs.settings, TrainSettings)
    assert trial.needs.settings.data == settings(data=data).data
