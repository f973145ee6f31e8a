"""Trainings of one fold: what they train on, and what they are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgebench.claim.settings import TrainSettings
from edgebench.data.folds import folds
from edgebench.data.prepared import Prepared, prepare
from edgebench.run.trial import seed_value
from edgebench.train import quantised
from edgebench.train.quantised import run_quantised
from edgebench.train.stacked import run_stacked
from edgebench.train.trial import run_training, set_up
from tests.train.fixtures import settings
from tests.train.tuned import tuned, weights

CPU = torch.device("cpu")


def part(data: Prepared, chosen: TrainSettings, seed: int) -> Any:
    """The images of the fold that the settings name."""
    assert chosen.data.folds is not None
    assert chosen.data.fold is not None
    return folds(data.train_labels, chosen.data.folds, seed_value(seed, "folds"))[chosen.data.fold - 1]


def folded(fold: int, **change: Any) -> TrainSettings:
    return settings(data={"train": None, "val": None, "folds": 4, "fold": fold}, **change)


def test_it_is_tested_on_the_fold_and_trained_on_the_others() -> None:
    seen = []
    for fold in (1, 2, 3, 4):
        chosen = folded(fold)
        data = prepare(chosen.data)
        start = set_up(chosen, data, 1, CPU)
        held = part(data, chosen, 1)
        test, train = start.final_batches()
        assert torch.cat([labels for _, labels in test]).tolist() == data.train_labels[held].tolist()
        assert sum(len(labels) for _, labels in train) == len(start.train)
        val = sum(len(labels) for _, labels in start.validation)
        assert len(start.train) + val + len(held) == len(data.train_labels)
        assert not set(start.train.tolist()) & set(held.tolist())
        seen += held.tolist()
    assert sorted(seen) == list(range(len(data.train_labels))), "every image is tested once"


def test_its_images_are_those_of_the_fold() -> None:
    chosen = folded(2)
    data = prepare(chosen.data)
    (images, _), *_ = set_up(chosen, data, 0, CPU).final_batches()[0]
    first = data.train_images[part(data, chosen, 0)[0]].astype(np.float64) / 255
    expected = (first - np.array(data.mean)) / np.array(data.std)
    assert np.allclose(images[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_record_has_one_bit_for_each_image_of_the_fold(seed: int) -> None:
    chosen = folded(3, epochs=1, batch=64)
    found = run_training(chosen, seed)
    held = len(part(prepare(chosen.data), chosen, seed))
    assert found.correct is not None
    bits = np.unpackbits(np.frombuffer(found.correct, np.uint8))
    assert len(bits) == -(-held // 8) * 8
    assert found.metrics["top1"] == pytest.approx(100 * bits[:held].mean())
    assert found.metrics["gap"] == found.metrics["train_top1"] - found.metrics["top1"]


def test_seeds_that_share_a_program_have_their_own_folds() -> None:
    chosen = folded(1, epochs=1, batch=64)
    for seed, found in zip((0, 1), run_stacked(chosen, (0, 1)), strict=True):
        alone = run_training(chosen, seed)
        assert found.metrics["top1"] == pytest.approx(alone.metrics["top1"], abs=1.0)


def test_on_maps_of_frozen_layers_it_is_tested_on_the_fold_too() -> None:
    plain = tuned()
    chosen = plain.model_copy(update={"data": plain.data.model_copy(update={"folds": 4, "fold": 2})})
    data = prepare(chosen.data)
    start = set_up(chosen, data, 1, CPU, weights())
    assert start.maps is not None
    test, _ = start.final_batches()
    held = part(data, chosen, 1)
    assert torch.cat([labels for _, labels in test]).tolist() == data.train_labels[held].tolist()


def test_a_quantised_network_is_tested_on_the_fold_of_its_training(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    chosen = folded(2, epochs=1, batch=64)
    weights = run_training(chosen, 1, keeps=True).artefact
    seen: list[Any] = []
    batches = quantised.evaluation_batches

    def watched(data: Any, part: str, indices: Any = None, **options: Any) -> Any:
        seen.append((part, indices))
        return batches(data, part, indices, **options)

    monkeypatch.setattr(quantised, "evaluation_batches", watched)
    int8 = folded(2, epochs=1, batch=64, quantise={"name": "int8", "calibration": 50})
    run_quantised(int8, 1, weights=weights)
    held = part(prepare(chosen.data), chosen, 1)
    (_, calibration), (which, tested), *others = seen
    assert which == "train"
    assert np.array_equal(tested, held)
    assert not any(
        set(indices.tolist()) & set(held.tolist()) for indices in (calibration, *(i for _, i in others))
    )
