"""Training throughput of the harness against a plain loop, both cores, measured interleaved.

`pytest benchmarks/` measures; nothing here is part of the test suite, because a busy machine would make it fail.
CIFAR-10 is used where it can be found, random images of its shape elsewhere: neither loop's speed depends on them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebench.claim.settings import (
    AugmentSettings,
    DataSettings,
    ModelSettings,
    OptimiserSettings,
    ScheduleSettings,
    TrainSettings,
)
from edgebench.data.prepared import prepare
from edgebench.errors import DataError
from edgebench.run.environment import available_cores
from edgebench.run.local import LocalExecutor
from edgebench.run.trial import Trial

IMAGES, EPOCHS, ROUNDS = 4096, 3, 3


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images.npy [N, 32, 32, 3], labels.npy [N] and the same as cifar.npz for the harness."""
    folder = tmp_path_factory.mktemp("cifar")
    try:
        data = prepare(DataSettings(name="cifar10"))
        images = np.ascontiguousarray(data.train_images[: IMAGES + 500])
        labels = np.asarray(data.train_labels[: IMAGES + 500])
    except DataError:
        generator = np.random.default_rng(0)
        images = generator.integers(0, 256, (IMAGES + 500, 32, 32, 3), np.uint8)
        labels = np.arange(IMAGES + 500) % 10
    np.save(folder / "images.npy", images[:IMAGES])
    np.save(folder / "labels.npy", labels[:IMAGES])
    np.savez(
        folder / "cifar.npz",
        train_images=images,
        train_labels=labels.astype(np.uint8),
        test_images=images[:100],
        test_labels=labels[:100].astype(np.uint8),
        class_names=np.array([str(label) for label in range(10)]),
    )
    return folder


def plain(folder: Path, stem: str) -> float:
    """Images per second of the plain loop, with all cores."""
    script = Path(__file__).with_name("plain_loop.py")
    command = [
        sys.executable,
        str(script),
        str(folder / "images.npy"),
        str(folder / "labels.npy"),
        str(EPOCHS),
        stem,
    ]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def harness(folder: Path, stem: str) -> float:
    """Images per second of one single-thread trial a core, validation after every epoch included."""
    settings = TrainSettings(
        model=ModelSettings(
            name="torchvision:mobilenet_v2", width=0.35, stem="small" if stem == "small" else None
        ),
        data=DataSettings(name=f"npz:{folder / 'cifar.npz'}", train=IMAGES, val=500),
        augment=AugmentSettings(crop=4, flip=True),
        optimiser=OptimiserSettings(name="sgd", lr=0.05, momentum=0.9, weight_decay=5e-4),
        schedule=ScheduleSettings(name="cosine"),
        epochs=EPOCHS,
        batch=64,
    )
    prepare(settings.data)
    executor = LocalExecutor(available_cores())
    for seed in range(executor.workers):
        executor.submit((Trial("train", settings, seed, None),))
    speed = 0.0
    while executor.running:
        for _, record in executor.wait(1.0):
            assert record.measured is not None, record.message
            speed += EPOCHS * IMAGES / record.measured.metrics["train_seconds"]
    return speed


# With a stride of 1 in the first convolution every early map has four times the pixels: the step is then bound by
# memory traffic in convolutions and normalisation, which both loops share, and there is less to gain.
@pytest.mark.parametrize(("stem", "least"), [("full", 3.0), ("small", 2.0)])
def test_tiny_mobilenet_on_cifar10(benchmark: Any, arrays: Path, stem: str, least: float) -> None:
    pairs: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: pairs.append((plain(arrays, stem), harness(arrays, stem))), rounds=ROUNDS)
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    benchmark.extra_info |= {
        "plain images/s": round(statistics.median(theirs for theirs, _ in pairs)),
        "harness images/s": round(statistics.median(ours for _, ours in pairs)),
        "ratio": round(ratio, 2),
    }
    print(f"\nstem {stem}: {benchmark.extra_info}")
    assert ratio >= least
