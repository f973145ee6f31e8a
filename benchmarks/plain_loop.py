"""The loop that most training scripts contain, as a yardstick: PIL images, a DataLoader with workers, NCHW.

Run as `python benchmarks/plain_loop.py TASK IMAGES.npy LABELS.npy EPOCHS WORKERS THREADS` (threads 0: torch's own
number); prints images per second, the first epoch (start of the workers, warm-up) left out. Tasks: `mobilenet`
(torchvision's MobileNetV2 at width 0.35, with crops and mirroring), `mobilenet-small` (the same, its first convolution
at stride 1), `dual-path` (14,862 parameters, with small affine transformations), `dual-input` (dual-path's first stage:
a submodel of the images beside one of their affine transformations, an output and a loss each).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models import mobilenet_v2

TENSOR = {
    1: [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))],
    3: [transforms.ToTensor(), transforms.Normalize((0.491, 0.482, 0.447), (0.247, 0.243, 0.262))],
}
CROPS = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
AFFINE = {"degrees": 10, "translate": (0.1, 0.1), "scale": (0.9, 1.1)}
BILINEAR = transforms.InterpolationMode.BILINEAR


class Images(Dataset[tuple[torch.Tensor | int, ...]]):
    """Images in one or more forms, each made by transforms of its own, and the label."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, *forms: list[Callable]) -> None:
        self.images, self.labels = images, labels
        self.transforms = [transforms.Compose(steps) for steps in forms]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor | int, ...]:
        image = Image.fromarray(self.images[index])
        return *(transform(image) for transform in self.transforms), int(self.labels[index])


def path() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 10, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(10, 20, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(20, 10, 5), nn.Flatten(),
    )  # fmt: skip


class DualPath(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = path(), path()
        self.head = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([self.one(x), self.other(x)], 1))


def submodel(channels: int, size: int) -> nn.Sequential:
    left = ((size - 2) // 2 - 2) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 10, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(10, 20, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(20 * left * left, 10),
    )  # fmt: skip


class DualInput(nn.Module):
    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.one, self.other = submodel(channels, size), submodel(channels, size)

    def forward(self, x: torch.Tensor, transformed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.one(x), self.other(transformed)


def main() -> None:
    task, images, labels = sys.argv[1], np.load(sys.argv[2]), np.load(sys.argv[3])
    epochs, workers, threads = (int(number) for number in sys.argv[4:7])
    if threads:
        torch.set_num_threads(threads)
    channels = 1 if images.ndim == 3 else 3
    forms = {
        "dual-path": [[transforms.RandomAffine(**AFFINE, shear=5, interpolation=BILINEAR)]],
        "dual-input": [[], [transforms.RandomAffine(**AFFINE, interpolation=BILINEAR)]],
    }.get(task, [CROPS])
    loader = DataLoader(
        Images(images, labels, *(steps + TENSOR[channels] for steps in forms)),
        batch_size=64,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=workers > 0,
    )
    model: nn.Module
    if task.startswith("dual"):
        model = DualPath() if task == "dual-path" else DualInput(channels, images.shape[1])
        optimiser = torch.optim.NAdam(model.parameters(), lr=0.002)
    else:
        model = mobilenet_v2(num_classes=10, width_mult=0.35, dropout=0.0)
        if task == "mobilenet-small":
            model.features[0][0].stride = (1, 1)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    seen, started = 0, 0.0
    for epoch in range(epochs + 1):
        if epoch == 1:
            started = time.perf_counter()
        for *batch, targets in loader:
            outputs = model(*batch)
            losses = [cross_entropy(each, targets) for each in (outputs if len(batch) > 1 else (outputs,))]
            loss = sum(losses[1:], losses[0])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            seen += len(targets) if epoch else 0
    print(seen / (time.perf_counter() - started))


if __name__ == "__main__":
    main()
