"""Training throughput with RandAugment against that without, on one thread, epochs of both in turn.

`pytest benchmarks/test_augmentation.py -s` measures; nothing here is part of the test suite, because a busy machine
would make it fail. Images are random: no operation's time depends on what they show.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from edgebench.claim.settings import TrainSettings
from edgebench.data.prepared import prepare
from edgebench.train.loop import train_epoch
from edgebench.train.optimiser import build_optimiser
from edgebench.train.trial import set_up

IMAGES, ROUNDS = 768, 3
LEAST = 0.6


@pytest.mark.parametrize("batch", [64, 128])
def test_randaugment_keeps_the_throughput(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (IMAGES + 500, 32, 32, 3), np.uint8)
    labels = (np.arange(len(images)) % 10).astype(np.uint8)
    np.savez(
        tmp_path / "set.npz",
        train_images=images,
        train_labels=labels,
        test_images=images[:100],
        test_labels=labels[:100],
        class_names=np.array([str(label) for label in range(10)]),
    )

    def epochs(augment: dict[str, object]) -> Iterator[float]:
        """An iterator that trains one more epoch each time and gives its processor time, seconds."""
        settings = TrainSettings.model_validate(
            {
                "model": {"name": "torchvision:mobilenet_v2", "width": 0.35},
                "data": {"name": f"npz:{tmp_path / 'set.npz'}", "train": IMAGES, "val": 500},
                "augment": {"crop": 4, "flip": True} | augment,
                "optimiser": {"name": "sgd", "lr": 0.05},
                "epochs": 1,
                "batch": batch,
            }
        )
        start = set_up(settings, prepare(settings.data), 0, torch.device("cpu"))
        optimiser = build_optimiser(settings.optimiser, start.model)
        while True:
            began = time.process_time()
            train_epoch(start.model, start.batches, optimiser, start.methods, 0.0)
            yield time.process_time() - began

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        arms = [epochs({}), epochs({"randaugment": {"ops": 2, "magnitude": 9}})]
        for arm in arms:
            next(arm)  # warm-up
        ratios = []
        for _ in range(ROUNDS):
            plain, augmented = (next(arm) for arm in arms)
            ratios.append(plain / augmented)
    finally:
        torch.set_num_threads(before)
    ratio = statistics.median(ratios)
    print(
        f"\nbatch {batch}: {ratio:.2f} of the throughput without RandAugment {[round(r, 2) for r in ratios]}"
    )
    assert ratio >= LEAST
