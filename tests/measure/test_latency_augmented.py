"""Steps that prepare their batch: as a training does, and with its time counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.latency import LatencyGroup
from edgebench.claim.metrics import METRICS
from edgebench.claim.settings import LatencySettings
from edgebench.data.batches import Batch, TrainBatches
from edgebench.errors import SettingsError
from edgebench.measure import latency
from edgebench.measure.latency import run_latency
from edgebench.models import registry

BATCH, SIDE, CLASSES = 6, 8, 3
BASE = {"model": "micronet", "input": [BATCH, 3, SIDE, SIDE], "classes": CLASSES, "rounds": 5}
RANDAUGMENT = {"randaugment": {"ops": 2, "magnitude": 9}}
MIXING = {"mixup": {"alpha": 1.0}, "cutmix": {"alpha": 1.0}}


def group(**augment: dict[str, Any]) -> LatencyGroup:
    return LatencyGroup(
        arms={
            name: LatencySettings.model_validate({**BASE, "augment": each}) for name, each in augment.items()
        }
    )


class Sees(nn.Module):
    """A linear classifier that keeps the batches it trains on."""

    def __init__(self, seen: list[Tensor]) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * SIDE * SIDE, CLASSES)
        self.seen = seen

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append(x)
        out: Tensor = self.linear(x.flatten(1))
        return out


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Tensor], list[Tensor]]:
    """Images and labels of the steps, timed or not."""
    images: list[Tensor] = []
    labels: list[Tensor] = []
    original = latency.cross_entropy

    def loss(out: Tensor, target: Tensor) -> Tensor:
        labels.append(target)
        return original(out, target)

    monkeypatch.setattr(registry, "build", lambda *_, **__: Sees(images))
    monkeypatch.setattr(latency, "cross_entropy", loss)
    return images, labels


def test_preparing_the_batch_is_part_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Slow(TrainBatches):
        def __iter__(self) -> Iterator[Batch]:
            nonlocal now
            for batch in super().__iter__():
                now += 0.005 if self._policy is None else 0.02
                yield batch

    class Model(Sees):
        def forward(self, x: Tensor) -> Tensor:
            nonlocal now
            now += 0.01
            return super().forward(x)

    monkeypatch.setattr(latency, "TrainBatches", Slow)
    monkeypatch.setattr(registry, "build", lambda *_, **__: Model([]))
    monkeypatch.setattr("time.perf_counter", lambda: now)
    metrics = run_latency(group(plain={}, random=RANDAUGMENT), 0).metrics
    assert set(metrics) == {f"{arm}/{name}" for arm in ("plain", "random") for name in METRICS["latency"]}
    for arm, preparing in (("plain", 5), ("random", 20)):
        assert metrics[f"{arm}/batch_ms"] == pytest.approx(preparing)
        assert metrics[f"{arm}/step_ms"] == pytest.approx(preparing + 10)
        assert metrics[f"{arm}/forward_ms"] == pytest.approx(10)
        assert metrics[f"{arm}/infer_ms"] == pytest.approx(10), "inference sees no augmentation"


def test_without_augmentation_every_step_sees_all_images_in_another_order(
    seen: tuple[list[Tensor], list[Tensor]],
) -> None:
    run_latency(group(plain={}), 0)
    images, labels = seen
    assert len(images) == 5 + 2
    assert all(each.shape == (BATCH, 3, SIDE, SIDE) for each in images)
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in images)
    assert all(each.dtype == torch.int64 for each in labels)
    assert len({each.numpy().tobytes() for each in images}) > 1
    first, *others = (np.sort(each.sum((1, 2, 3)).numpy()) for each in images)
    assert all(np.allclose(first, each, atol=1e-4) for each in others)
    levels = 127.5 * (images[0].double() + 1)
    torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
    assert len(levels.round().unique()) > 200, "random bytes, normalised"


def test_a_step_trains_on_what_a_training_prepares(
    seen: tuple[list[Tensor], list[Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batches of TrainBatches, and mixed labels of one of the two methods."""
    made: list[Tensor] = []

    class Keeps(TrainBatches):
        def __iter__(self) -> Iterator[Batch]:
            for images, labels in super().__iter__():
                made.append(images.clone())
                yield images, labels

    monkeypatch.setattr(latency, "TrainBatches", Keeps)
    run_latency(group(random={"crop": 1, "flip": True, **RANDAUGMENT}), 0)
    assert [torch.equal(a, b) for a, b in zip(made, seen[0], strict=True)] == [True] * 7
    made.clear()
    seen[0].clear()
    seen[1].clear()
    run_latency(group(ablated={"flip": True, **RANDAUGMENT, **MIXING}), 0)
    assert not all(torch.equal(a, b) for a, b in zip(made, seen[0], strict=True))
    for labels in seen[1]:
        assert labels.shape == (BATCH, CLASSES)
        torch.testing.assert_close(labels.sum(1), torch.ones(BATCH))
    assert any(((labels > 0) & (labels < 1)).any() for labels in seen[1])


def test_random_operations_take_their_time() -> None:
    metrics = run_latency(group(flip={"flip": True}, random=RANDAUGMENT), 0).metrics
    assert metrics["random/batch_ms"] > 3 * metrics["flip/batch_ms"] > 0
    assert metrics["random/step_ms"] > metrics["random/batch_ms"]


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"name": "mbv3-block", "kernel": 3, "expansion": 2}, "classes": None},
        {"input": [2, 16, 8, 8]},
    ],
)
def test_only_classifiers_of_images_prepare_batches(change: dict[str, Any]) -> None:
    settings = LatencySettings.model_validate({**BASE, **change, "augment": {"flip": True}})
    with pytest.raises(SettingsError, match="'augment' with"):
        run_latency(LatencyGroup(arms={"a": settings}), 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu() -> None:
    metrics = run_latency(group(flip={"flip": True}, random=RANDAUGMENT | MIXING), 0, "cuda").metrics
    for arm in ("flip", "random"):
        parts = sum(metrics[f"{arm}/{part}_ms"] for part in ("batch", "forward", "backward"))
        assert metrics[f"{arm}/step_ms"] == pytest.approx(parts, rel=0.2)
    assert metrics["random/batch_ms"] > metrics["flip/batch_ms"] > 0
