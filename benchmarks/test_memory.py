"""What each further worker costs in memory on a dataset of CIFAR-10's size: its own arrays, and no copy of the images.

`pytest benchmarks/test_memory.py`. Memory is counted as the kernel shares it out (proportional set size): pages that
several processes map, such as the decoded images and torch itself, count once among them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from edgebench.claim.settings import TrainSettings
from edgebench.data.prepared import prepare
from edgebench.run.local import LocalExecutor
from edgebench.run.trial import Trial

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
MOST = 150 << 20  # bytes a worker


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainSettings:
    """The dual-path network on 50,000 images of 32 × 32 × 3: 154 MB of bytes, so that one copy each would show."""
    path = tmp_path_factory.mktemp("data") / "set.npz"
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60_000, 32, 32, 3), np.uint8)
    labels = (np.arange(60_000) % 10).astype(np.uint8)
    names = np.array([str(label) for label in range(10)])
    np.savez(path, train_images=images[:50_000], train_labels=labels[:50_000], test_images=images[50_000:],
             test_labels=labels[50_000:], class_names=names)  # fmt: skip
    made = TrainSettings.model_validate(
        {
            "model": "dual-path",
            "data": {"name": f"npz:{path}", "val": 2000},
            "augment": {"crop": 4, "flip": True},
            "optimiser": {"name": "sgd", "lr": 0.05},
            "epochs": 100,
            "batch": 64,
        }
    )
    prepare(made.data)
    return made


def in_use(workers: int, settings: TrainSettings) -> int:
    """Bytes that the fork server and its workers hold when each of them has seen most of an epoch."""
    executor = LocalExecutor(workers)
    try:
        for seed in range(workers):
            executor.submit((Trial("train", settings, seed, None),))
        processes = [process for each in executor._running.values() if (process := each.process.pid)]
        server = psutil.Process(processes[0]).ppid()
        seconds = 0.0
        while (
            seconds < 12.0
        ):  # of each worker's processor time: pages of images are touched as they are drawn
            ended = executor.wait(1.0)
            assert not ended, ended[0][1].message or "the training was too short to be looked at"
            seconds = min(psutil.Process(pid).cpu_times().user for pid in processes)
        return sum(psutil.Process(pid).memory_full_info().pss for pid in [server, *processes])
    finally:
        executor.close()


def test_workers_share_the_images(settings: TrainSettings) -> None:
    found = {workers: in_use(workers, settings) for workers in (1, 2, 4)}
    print({workers: f"{total >> 20} MiB" for workers, total in found.items()})
    assert found[2] - found[1] < MOST
    assert found[4] - found[2] < 2 * MOST
