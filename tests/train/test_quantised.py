"""A trained network scored in int8, from the weights that its training kept."""

from __future__ import annotations

from typing import Any

import pytest

from edgebench.data.prepared import prepare
from edgebench.data.split import split
from edgebench.errors import DataError, TrialError
from edgebench.run.trial import seed_value
from edgebench.train import quantised
from edgebench.train.quantised import run_quantised
from edgebench.train.trial import run_training
from tests.train.fixtures import settings

pytest.importorskip("onnxruntime")

ARM = {"data": {"train": 300, "val": 100}, "epochs": 3, "batch": 16}
INT8 = settings(**ARM, quantise={"name": "int8", "calibration": 100})


@pytest.fixture(scope="module")
def kept() -> Any:
    return run_training(settings(**ARM), 1, keeps=True)


def test_it_scores_nearly_as_the_trained_network(kept: Any) -> None:
    found = run_quantised(INT8, 1, weights=kept.artefact)
    for name in ("top1", "train_top1", "val_top1"):
        assert found.metrics[name] == pytest.approx(kept.metrics[name], abs=6.0), name
    assert found.metrics["val_loss"] == pytest.approx(kept.metrics["val_loss"], rel=0.2)
    assert found.metrics["val_loss"] != kept.metrics["val_loss"]
    assert found.metrics["gap"] == found.metrics["train_top1"] - found.metrics["top1"]
    assert found.metrics["model_bytes"] < 0.5 * kept.metrics["model_bytes"]
    assert found == run_quantised(INT8, 1, weights=kept.artefact), "the same twice"


def test_it_is_calibrated_on_training_images_of_its_own_seed(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    batches = quantised.evaluation_batches

    def watched(data: Any, part: str, chosen: Any = None, **options: Any) -> Any:
        seen.append((part, chosen))
        return batches(data, part, chosen, **options)

    monkeypatch.setattr(quantised, "evaluation_batches", watched)
    run_quantised(INT8, 1, weights=kept.artefact)
    data = prepare(INT8.data)
    train, _ = split(data.train_labels, INT8.data, seed_value(1, "split"))
    part, chosen = seen[0]
    assert part == "train"
    assert len(set(chosen.tolist())) == len(chosen) == 100
    assert set(chosen.tolist()) <= set(train.tolist())


def test_without_the_weights_or_with_damaged_ones_it_says_so(kept: Any) -> None:
    with pytest.raises(TrialError, match="were not handed over"):
        run_quantised(INT8, 1)
    with pytest.raises(DataError, match="the trained weights"):
        run_quantised(INT8, 1, weights=kept.artefact[:-1])


def test_a_training_in_mixed_precision_leaves_weights_that_can_be_quantised() -> None:
    arm = ARM | {"epochs": 1, "precision": "bf16"}
    trained = run_training(settings(**arm), 1, keeps=True)
    quantise = {"name": "int8", "calibration": 100}
    found = run_quantised(settings(**arm, quantise=quantise), 1, weights=trained.artefact)
    assert found.metrics["val_loss"] == pytest.approx(trained.metrics["val_loss"], rel=0.2)
    assert found.metrics["model_bytes"] < 0.5 * trained.metrics["model_bytes"]
