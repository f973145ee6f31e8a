"""The loop that most training scripts contain, as a yardstick: PIL images, a DataLoader with two workers, NCHW.

Run as `python benchmarks/plain_loop.py IMAGES.npy LABELS.npy EPOCHS`; prints images per second, the first epoch (start
of the workers, warm-up) left out.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models import mobilenet_v2


class Images(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.491, 0.482, 0.447), (0.247, 0.243, 0.262)),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def main() -> None:
    images, labels, epochs = np.load(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
    loader = DataLoader(
        Images(images, labels),
        batch_size=64,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
    )
    model = mobilenet_v2(num_classes=10, width_mult=0.35, dropout=0.0)
    if sys.argv[4] == "small":
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
