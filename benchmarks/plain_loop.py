"""The loop that most training scripts contain, as a yardstick: PIL images, a DataLoader with two workers, NCHW.

Run as `python benchmarks/plain_loop.py TASK IMAGES.npy LABELS.npy EPOCHS`; prints images per second, the first epoch
(start of the workers, warm-up) left out. Tasks: `mobilenet` (torchvision's MobileNetV2 at width 0.35, with crops and
mirroring), `mobilenet-small` (the same, its first convolution at stride 1), `dual-path` (14,862 parameters, with small
affine transformations).
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

CIFAR = [
    transforms.RandomCrop(32, padding=4),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize((0.491, 0.482, 0.447), (0.247, 0.243, 0.262)),
]
MNIST = [
    transforms.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5, transforms.InterpolationMode.BILINEAR),
    transforms.ToTensor(),
    transforms.Normalize((0.1307,), (0.3081,)),
]


class Images(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, images: np.ndarray, labels: np.ndarray, steps: list[Callable]) -> None:
        self.images, self.labels, self.transform = images, labels, transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


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


def main() -> None:
    task, images, labels, epochs = sys.argv[1], np.load(sys.argv[2]), np.load(sys.argv[3]), int(sys.argv[4])
    loader = DataLoader(
        Images(images, labels, MNIST if task == "dual-path" else CIFAR),
        batch_size=64,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
    )
    if task == "dual-path":
        model = DualPath()
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
        for batch, targets in loader:
            loss = cross_entropy(model(batch), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            seen += len(targets) if epoch else 0
    print(seen / (time.perf_counter() - started))


if __name__ == "__main__":
    main()
