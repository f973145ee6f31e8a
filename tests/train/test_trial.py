"""Streams of a seed: what arms share, and what must not shift it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from edgebench.data.prepared import prepare
from edgebench.errors import SettingsError
from edgebench.methods.hooks import Method
from edgebench.models import registry
from edgebench.train import trial
from edgebench.train.start import build_model
from edgebench.train.trial import pack, run_training
from tests.train.fixtures import settings

ARMS: list[dict[str, Any]] = [
    {"model": {"dropout": 0.5}},
    {"augment": {"mixup": {"alpha": 0.4}}},
    {"model": {"width": 0.5}},
    {"label_smoothing": 0.1},
    {"optimiser": {"lr": 0.01}},
    {"epochs": 1},
    {"netaug": {}},
    {"dropblock": {"keep": 0.9, "size": 3}},
]


@pytest.mark.parametrize("arm", ARMS)
def test_arms_of_a_seed_see_the_same_images_in_the_same_order(
    batches: list[tuple[Tensor, Tensor]], arm: dict[str, Any]
) -> None:
    run_training(settings(), 1)
    plain = list(batches)
    batches.clear()
    run_training(settings(**arm), 1)
    assert len(batches) == 4 * settings(**arm).epochs
    for (images, labels), (same_images, same_labels) in zip(plain, batches, strict=False):
        assert torch.equal(images, same_images)
        assert torch.equal(labels, same_labels)


def test_mixing_does_not_depend_on_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one arm's weights draw must not shift the noise of training."""
    mixed: list[Tensor] = []

    class Watch(Method):
        def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            mixed.append(labels)
            return images, labels

    original = trial.methods_of
    monkeypatch.setattr(trial, "methods_of", lambda *arguments: [*original(*arguments), Watch()])
    for width in (1.0, 0.5):
        run_training(settings(model={"width": width}, augment={"mixup": {"alpha": 0.4}}), 1)
    assert len(mixed) == 16
    assert all(torch.equal(one, other) for one, other in zip(mixed[:8], mixed[8:], strict=True))


def test_another_seed_sees_other_images(batches: list[tuple[Tensor, Tensor]]) -> None:
    run_training(settings(epochs=1), 1)
    first = [labels for _, labels in batches]
    batches.clear()
    run_training(settings(epochs=1), 2)
    assert any(not torch.equal(one, other) for one, (_, other) in zip(first, batches, strict=True))


def test_crops_do_not_shift_the_order(batches: list[tuple[Tensor, Tensor]]) -> None:
    run_training(settings(), 1)
    cropped = [labels for _, labels in batches]
    batches.clear()
    run_training(settings(augment={"crop": None, "flip": False}), 1)
    assert all(torch.equal(one, other) for one, (_, other) in zip(cropped, batches, strict=True))


def test_initial_weights_belong_to_the_seed() -> None:
    data = prepare(settings().data)
    models = [
        build_model(each, data, seed)
        for each, seed in (
            (settings(), 1),
            (settings(model={"dropout": 0.5}, augment={"mixup": {"alpha": 1.0}}), 1),
            (settings(), 2),
        )
    ]
    torch.rand(100)  # whatever was drawn before
    models.append(build_model(settings(), data, 1))
    states = [torch.cat([each.flatten() for each in model.state_dict().values()]) for model in models]
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[3])
    assert not torch.equal(states[0], states[2])
    assert models[0].stem[0].weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[union-attr, operator, index]


def test_what_is_measured() -> None:
    measured = run_training(settings(), 0)
    metrics = measured.metrics
    assert set(metrics) == {
        "params", "params.nonzero", "epochs", "macs", "model_bytes", "train_seconds",
        "top1", "train_top1", "gap", "val_top1", "val_loss", "train_loss",
    }  # fmt: skip
    assert metrics["gap"] == metrics["train_top1"] - metrics["top1"]
    assert set(measured.curves) == {"train_loss", "val_loss", "val_top1", "lr"}
    assert {len(curve) for curve in measured.curves.values()} == {2}
    for name in ("val_top1", "val_loss", "train_loss"):
        assert metrics[name] == measured.curves[name][-1]
    model = registry.build(settings().model, in_channels=1, classes=10)
    assert metrics["params"] == sum(parameter.numel() for parameter in model.parameters())
    tested = len(prepare(settings().data).test_labels)
    right = np.unpackbits(np.frombuffer(measured.correct or b"", np.uint8), count=tested)
    assert metrics["top1"] == pytest.approx(100 * right.mean())
    assert not measured.diverged


def test_divergence_is_measured_as_such() -> None:
    measured = run_training(settings(optimiser={"lr": 1e30}), 0)
    assert measured.diverged
    assert measured.correct is None
    assert "top1" not in measured.metrics
    assert set(measured.metrics) == {
        "params", "params.nonzero", "epochs", "macs", "model_bytes", "train_seconds",
    }  # fmt: skip
    assert max(map(len, measured.curves.values())) < 2


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match="nesterov"):
        run_training(settings(optimiser={"momentum": 0.0, "nesterov": True}), 0)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_correctness_is_packed_first_image_first(correct: list[bool]) -> None:
    packed = np.frombuffer(pack(torch.tensor(correct)), np.uint8)
    assert np.unpackbits(packed, count=len(correct)).astype(bool).tolist() == correct
    assert len(packed) == -(-len(correct) // 8)


def test_no_method_means_the_plain_model() -> None:
    model = nn.Linear(1, 1)
    assert Method().wrap(model) is model
