"""Where batches are gathered from: arrays mapped from disk, or tensors moved to an accelerator once per process.

On an accelerator, gathering, cropping, mirroring and normalising a batch then never leaves the device; only its indices
travel. What a batch contains is drawn on the CPU in either case, so that all devices see the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from edgebench.data.prepared import Prepared
from edgebench.data.raw import Images, Labels

Part = Literal["train", "test"]

# The part of a device's free memory that a dataset may take; the rest is for networks and their activations.
SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Mapped:
    """The arrays that all processes share, gathered from on the CPU: uint8 [N, H, W, C] and int64 [N]."""

    images: Images
    labels: Labels
    device: torch.device

    def gather(self, indices: Labels) -> tuple[Tensor, Tensor]:
        """Copies of some images and labels on the device: uint8 [B, H, W, C] and int64 [B]."""
        images, labels = self.images.take(indices, axis=0), self.labels.take(indices)
        return torch.from_numpy(images).to(self.device), torch.from_numpy(labels).to(self.device)


@dataclass(frozen=True, eq=False)
class Resident:
    """The same on the device: uint8 [N, H, W, C] and int64 [N]."""

    images: Tensor
    labels: Tensor

    def gather(self, indices: Labels) -> tuple[Tensor, Tensor]:
        """As `Mapped.gather`."""
        chosen = torch.from_numpy(indices).to(self.images.device)
        return self.images.index_select(0, chosen), self.labels.index_select(0, chosen)


_moved: dict[tuple[Path, Part, str], Resident] = {}


def source(prepared: Prepared, part: Part, device: torch.device) -> Mapped | Resident:
    """Where batches of one part of a dataset are gathered from, for use on a device.

    Resident if the part fits into half of the device's free memory; mapped if not, and always on the CPU.
    """
    images, labels = (
        (prepared.train_images, prepared.train_labels)
        if part == "train"
        else (prepared.test_images, prepared.test_labels)
    )
    key = (prepared.folder, part, str(device))
    if key not in _moved:
        if images.nbytes + labels.nbytes >= SHARE * free_memory(device):
            return Mapped(images, labels, device)
        _moved[key] = Resident(torch.tensor(images, device=device), torch.tensor(labels, device=device))
    return _moved[key]


def free_memory(device: torch.device) -> int:
    """Bytes of the device's own memory that are free: none on the CPU, which has no memory of its own."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
