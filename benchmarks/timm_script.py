"""Training throughput of the harness against timm's training script: the same images, network, batch and flips.

Run as `python benchmarks/timm_script.py` (with timm installed; some minutes, on a quiet machine). timm's `train.py` is
part of its repository and of none of its packages, so the yardstick is built here from the pieces that it calls, with
its defaults: `create_dataset`, `create_loader` with its prefetcher, `create_optimizer_v2`, `create_scheduler_v2`, and
its loop. Its random resizing, colour jitter and label smoothing are switched off, which only makes it faster.

To time `train.py` itself on the same images, keep them with `--keep DIR` and run it in a clone of timm's repository; it
prints images per second:

    python train.py --data-dir DIR --val-split test --model mobilenetv2_035 --num-classes 10 --input-size 3 32 32 \\
        -b 64 --epochs 3 -j 2 --opt sgd --lr 0.05 --weight-decay 5e-4 --scale 1 1 --ratio 1 1 --color-jitter 0 \\
        --smoothing 0 --device cpu
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

MODEL, BATCH, CLASSES = "mobilenetv2_035", 64, 10
LR, MOMENTUM, WEIGHT_DECAY = 0.05, 0.9, 5e-4


def write_images(folder: Path, count: int) -> None:
    """`train/<class>/*.png` and a few in `test`: CIFAR-10 where it can be found, else random images of its shape."""
    from edgebench.claim.settings import DataSettings
    from edgebench.data.prepared import prepare
    from edgebench.errors import DataError

    try:
        data = prepare(DataSettings(name="cifar10"))
        images, labels = data.train_images[: count + 100], data.train_labels[: count + 100]
    except DataError:
        images = np.random.default_rng(0).integers(0, 256, (count + 100, 32, 32, 3), np.uint8)
        labels = np.arange(count + 100) % CLASSES
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        target = folder / ("train" if number < count else "test") / f"class{label}"
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(image)).save(target / f"{number}.png")


def run_timm(folder: Path, epochs: int) -> float:
    """Images per second of timm's loop, the first epoch (start of the workers, warm-up) left out."""
    import timm
    import torch
    from timm.data import create_dataset, create_loader
    from timm.optim import create_optimizer_v2
    from timm.scheduler import create_scheduler_v2
    from timm.utils import AverageMeter

    device = torch.device("cpu")
    model = timm.create_model(MODEL, num_classes=CLASSES)
    loader = create_loader(
        create_dataset("", root=str(folder), split="train"),
        input_size=(3, 32, 32), batch_size=BATCH, is_training=True, num_workers=2, device=device,
        scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.5, color_jitter=None, persistent_workers=True,
    )  # fmt: skip
    optimiser = create_optimizer_v2(model, opt="sgd", lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule, _ = create_scheduler_v2(
        optimiser, sched="cosine", num_epochs=epochs + 1, updates_per_epoch=len(loader)
    )
    loss_of, losses = torch.nn.CrossEntropyLoss(), AverageMeter()
    seen, updates, started = 0, 0, 0.0
    for epoch in range(epochs + 1):
        if epoch == 1:
            started = time.perf_counter()
        model.train()
        for images, labels in loader:
            loss = loss_of(model(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            updates += 1
            losses.update(loss.item(), len(images))
            schedule.step_update(num_updates=updates, metric=losses.avg)
            seen += len(images) if epoch else 0
        schedule.step(epoch + 1)
    return seen / (time.perf_counter() - started)


def run_harness(folder: Path, epochs: int, count: int) -> float:
    """Images per second of one single-thread trial a core, validation after every epoch included."""
    from edgebench.claim.settings import TrainSettings
    from edgebench.data.prepared import prepare
    from edgebench.run.environment import available_cores
    from edgebench.run.local import LocalExecutor
    from edgebench.run.trial import Trial

    optimiser = {"name": "sgd", "lr": LR, "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY}
    settings = TrainSettings.model_validate(
        {
            "model": f"timm:{MODEL}",
            "data": {"name": f"folder:{folder}", "size": 32, "train": count - 64, "val": 64},
            "augment": {"flip": True},
            "optimiser": optimiser,
            "schedule": "cosine",
            "epochs": epochs,
            "batch": BATCH,
        }
    )
    prepare(settings.data)
    executor = LocalExecutor(available_cores())
    for seed in range(executor.workers):
        executor.submit((Trial("train", settings, seed, None),))
    speed = 0.0
    while executor.running:
        for _, record in executor.wait(1.0):
            if record.measured is None:
                raise SystemExit(record.message)
            speed += epochs * (count - 64) / record.measured.metrics["train_seconds"]
    return speed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=4096, help="training images")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3, help="how often both are timed, in turns")
    parser.add_argument("--keep", type=Path, help="folder in which the images stay")
    parser.add_argument("--timm", type=Path, help=argparse.SUPPRESS)  # the child that trains with timm
    asked = parser.parse_args()
    if asked.timm is not None:
        print(run_timm(asked.timm, asked.epochs))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        write_images(folder, asked.images)
        ratios = []
        for _ in range(asked.rounds):
            command = [sys.executable, __file__, "--timm", str(folder), "--epochs", str(asked.epochs)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            theirs, ours = float(done.stdout), run_harness(folder, asked.epochs, asked.images)
            ratios.append(ours / theirs)
            print(
                f"timm {theirs:.0f} images/s, harness {ours:.0f} images/s: {ratios[-1]:.2f} times", flush=True
            )
    print(f"median: {statistics.median(ratios):.2f} times, least: {min(ratios):.2f}")


if __name__ == "__main__":
    main()
