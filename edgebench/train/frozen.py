"""The maps below the first trained layer, computed once: a frozen prefix gives the same map of an image every time.

Allowed where augmentation leaves each image in a few forms: as it is, or mirrored. What is trained is then the rest of
the network, on maps instead of images; epochs have the order and mirrorings that they have without this. The maps of a
whole dataset are kept in the cache folder, by everything that they depend on, so that all seeds of all arms with the
same frozen layers share them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edgebench.claim.augment import AugmentSettings
from edgebench.data.batches import Batch, Draws, TrainBatches, evaluation_batches
from edgebench.data.building import build_once, check_space
from edgebench.data.cache import cache_folder
from edgebench.data.prepared import Prepared
from edgebench.data.raw import Labels
from edgebench.data.resident import Part
from edgebench.run import environment

BATCH = 50  # images at a time: their maps stay in the processor's cache better than those of many
VERSION = 1  # part of the folder's name: raise it when maps would be computed or stored in another way

_Array = npt.NDArray[np.float32]


def cacheable(augment: AugmentSettings) -> bool:
    """Whether training sees each image in so few forms that their maps can be kept.

    Mixing blends images, and the map of a blend is not the blend of maps.
    """
    return set(augment.model_dump(exclude_none=True)) <= {"flip"}


class Maps:
    """What a frozen prefix makes of the images of a dataset; computed when no process of this machine has done so.

    Args:
        prefix: without trained parameters, in the behaviour of evaluation.
        data: the dataset.
        mirrored: whether the maps of mirrored training images are wanted too.
        device: where the prefix is, and batches are to be.

    Raises:
        DataError: the cache folder is not writable, the disk is full.
    """

    def __init__(self, prefix: nn.Module, data: Prepared, *, mirrored: bool, device: torch.device) -> None:
        self._device = device
        self._labels: dict[Part, Labels] = {"train": data.train_labels, "test": data.test_labels}
        parts: tuple[tuple[str, Part], ...] = (("train", "train"), ("test", "test"))
        if mirrored:
            parts = (*parts, ("mirrored", "train"))
        names = [name for name, _ in parts]

        def write(folder: Path) -> None:
            for name, part in parts:
                _write(folder / f"{name}.npy", prefix, data, part, mirror=name == "mirrored", device=device)

        folder = cache_folder() / "maps" / _key(prefix, data, device, mirrored=mirrored)
        self._maps = build_once(folder, write, lambda folder: _opened(folder, names))

    def gather(self, indices: Labels, flips: Tensor | None = None, part: Part = "train") -> Batch:
        """Maps and labels [B] of images of a part, mirrored where `flips` (bool [B]) says so.

        Maps are [B, C, H, W] in channels-last order, or vectors [B, F] where the prefix ends in such.
        """
        found = np.take(self._maps[part], indices, axis=0)
        if flips is not None:
            chosen = flips.numpy()
            found[chosen] = np.take(self._maps["mirrored"], indices[chosen], axis=0)
        maps = torch.from_numpy(found).to(self._device)
        labels = torch.from_numpy(np.take(self._labels[part], indices)).to(self._device)
        return (maps.permute(0, 3, 1, 2) if maps.dim() == 4 else maps), labels

    def batches(self, part: Part, indices: Labels | None, batch: int) -> Sequence[Batch]:
        """Maps of un-augmented images, all of the part or those given, in their order."""
        chosen = np.arange(len(self._labels[part])) if indices is None else indices
        starts = range(0, len(chosen), batch)
        return [self.gather(chosen[start : start + batch], part=part) for start in starts]


class MapBatches(TrainBatches):
    """As `TrainBatches`, with the maps of the drawn images in their place."""

    def __init__(self, maps: Maps, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._maps = maps

    def _batch(self, chosen: Labels, drawn: Draws) -> Batch:
        return self._maps.gather(chosen, drawn.flips)


def _key(prefix: nn.Module, data: Prepared, device: torch.device, *, mirrored: bool) -> str:
    """A name for what the maps depend on: layers and their tensors, images and their scale, the arithmetic used."""
    about = (_described(prefix), data.folder.name, data.mean, data.std, mirrored, BATCH, VERSION)
    identity = environment.identity_key(environment.identity(device.type))
    found = hashlib.sha256(repr((about, identity)).encode())
    for name, tensor in (*prefix.named_parameters(), *prefix.named_buffers()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes, whatever the type; contiguous first, because equal tensors may lie in memory in different orders.
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:40]


def _described(prefix: nn.Module) -> list[object]:
    """Every layer's place, class and plain attributes; its `repr` may leave out some, as whether it has a shortcut."""
    plain = (bool, int, float, str, tuple, type, type(None))
    return [
        (
            path,
            type(layer),
            sorted((k, v) for k, v in vars(layer).items() if type(v) in plain and k != "training"),
        )
        for path, layer in prefix.named_modules()
    ]


@torch.no_grad()
def _write(
    path: Path, prefix: nn.Module, data: Prepared, part: Part, *, mirror: bool, device: torch.device
) -> None:
    prefix.eval()
    done = 0
    batches = evaluation_batches(data, part, batch=BATCH, device=device)
    count = len(data.train_labels if part == "train" else data.test_labels)
    # Batch by batch: the maps of a whole dataset may not fit into memory.
    with open(path, "wb") as file:
        for images, _ in batches:
            maps = prefix(images.flip(3) if mirror else images)
            # In the order of channels-last memory, so that a batch is gathered in runs and needs no conversion.
            rows = (maps.permute(0, 2, 3, 1) if maps.dim() == 4 else maps).float().contiguous().cpu().numpy()
            if done == 0:
                check_space(count * math.prod(rows.shape[1:]) * rows.itemsize, path.parent)
                shape = {"descr": rows.dtype.str, "fortran_order": False, "shape": (count, *rows.shape[1:])}
                np.lib.format.write_array_header_1_0(file, shape)
            file.write(rows.data)
            done += len(rows)
    assert done == count, "every image has a map"


def _opened(folder: Path, names: list[str]) -> dict[str, _Array] | None:
    try:
        return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
    except (OSError, ValueError, EOFError):
        return None
