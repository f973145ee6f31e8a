"""Batches as tensors: gathered, cropped, flipped, perhaps transformed and normalised for all images at once.

Everything up to normalisation, but for affine transformations, happens on bytes, a quarter of the memory
traffic of floats. A crop is read as rows: in an image padded by p and stored as [H + 2p, (W + 2p)·C] bytes,
row r of the crop at (y, x) is one run of W·C bytes, so a batch of crops is one `index_select` over an
overlapping view of runs. Of the ways tried on 128 CIFAR images, on one thread, this took 0.024 ms; indexing a
six-dimensional strided view took 0.20 ms, gathering pixels 0.24 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgebench.data import affine as affine_transformation
from edgebench.data import jitter as colour_jitter
from edgebench.data import resized_crop as crops
from edgebench.data.policy import policy_of
from edgebench.data.prepared import Prepared
from edgebench.data.raw import Labels
from edgebench.data.resident import Mapped, Part, Resident, source

if TYPE_CHECKING:
    from edgebench.claim.augment import AugmentSettings

Batch = tuple[Tensor, Tensor]
CPU = torch.device("cpu")
EVALUATION_BATCH = 500

STREAMS = {
    "affine": "affine transformations",
    "randaugment": "randomly drawn operations",
    "resized_crop": "resized crops",
    "jitter": "changes of brightness, contrast and saturation",
}
"""The generators that `TrainBatches` takes by name, each for what it says."""


class Normaliser:
    """From bytes [B, H, W, C] to floats [B, C, H, W] (channels last), by the dataset's mean and deviation.

    Floats in the scale of bytes, contiguous, are normalised in place.
    """

    def __init__(self, prepared: Prepared, device: torch.device = CPU) -> None:
        width = prepared.train_images.shape[2]
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (prepared.mean, prepared.std))
        # Repeated along a row of pixels: adding a vector of W·C floats is six times as fast as one of three.
        self._scale = (1 / (255 * std)).float().repeat(width).to(device)
        self._shift = (-mean / std).float().repeat(width).to(device)

    def __call__(self, images: Tensor) -> Tensor:
        rows = images.view(*images.shape[:2], -1).float()
        return rows.mul_(self._scale).add_(self._shift).view(images.shape).permute(0, 3, 1, 2)


def crop_and_flip(images: Tensor, padding: int, offsets: Tensor | None, flips: Tensor | None) -> Tensor:
    """Pad each image with zeros, crop it back to its size at its own offset, then mirror some of them.

    Args:
        images: uint8 [B, H, W, C], contiguous.
        padding: zeros added on each side.
        offsets: int64 [B, 2], top and left corner of each crop, 0..2·padding; None for no cropping. On the CPU.
        flips: bool [B], which to mirror left-right; None for none. On the CPU.

    Returns:
        uint8 [B, H, W, C]; the same as torchvision's `pad`, `crop` and `horizontal_flip`, image by image.
    """
    count, height, width, channels = images.shape
    if flips is not None:
        # Mirroring first is cheaper, and equal when the crop's left edge is mirrored with it.
        chosen = flips.nonzero().view(-1).to(images.device)
        images = images.index_copy(0, chosen, images.index_select(0, chosen).flip(2))
    if offsets is None or padding == 0:
        return images
    top, left = offsets[:, 0], offsets[:, 1]
    if flips is not None:
        left = torch.where(flips, 2 * padding - left, left)
    tall, wide = height + 2 * padding, width + 2 * padding
    padded = images.new_zeros(count, tall, wide, channels)
    padded[:, padding : padding + height, padding : padding + width] = images
    # All runs of W pixels, one starting at every pixel; only those within a row are ever selected.
    runs = padded.as_strided((count * tall * wide - width + 1, width * channels), (channels, 1))
    first = (torch.arange(count) * tall + top)[:, None] + torch.arange(height)
    chosen = (first * wide + left[:, None]).view(-1).to(images.device)
    return runs.index_select(0, chosen).view(count, height, width, channels)


@dataclass(frozen=True)
class Draws:
    """What was drawn for some images, one row for each; None: nothing of the kind is done. All on the CPU.

    Attributes:
        boxes: of resized crops, int64 [B, 4].
        offsets: of crops, int64 [B, 2].
        flips: which are mirrored, bool [B].
        operations: numbers of a policy's actions, int64 [B, steps].
        orders, factors: of colour jitter, [B, 3].
        transforms: matrices of affine transformations, float64 [B, 2, 3].
    """

    boxes: Tensor | None = None
    offsets: Tensor | None = None
    flips: Tensor | None = None
    operations: Tensor | None = None
    orders: Tensor | None = None
    factors: Tensor | None = None
    transforms: Tensor | None = None

    def __getitem__(self, rows: slice) -> Draws:
        """Those of some of the images."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return Draws(
            **{name: None if all_rows is None else all_rows[rows] for name, all_rows in found.items()}
        )


class TrainBatches:
    """Shuffled, augmented, normalised training batches; each iteration over it is one epoch.

    The last, incomplete batch of an epoch is dropped (its few images would weigh more than others, and could
    be one image, on which batch normalisation fails); other images are dropped in other epochs. If there are
    fewer images than a batch, all of them are the batch.

    Per epoch, `order` gives one permutation and `augmentation` one set of offsets and mirrorings, whether or
    not they are used: arms that differ in one augmentation share everything else. Other augmentations have generators
    of their own, named in `STREAMS`, for the same reason; `randaugment` is AutoAugment's too. All must be CPU
    generators, so that all devices see the same batches.
    """

    def __init__(
        self,
        prepared: Prepared,
        indices: npt.ArrayLike,
        augment: AugmentSettings,
        batch: int,
        order: torch.Generator,
        augmentation: torch.Generator,
        device: torch.device = CPU,
        **streams: torch.Generator,
    ) -> None:
        self._source = source(prepared, "train", device)
        self._indices = np.asarray(indices, np.int64)
        self._augment = augment
        self._size = min(batch, len(self._indices))
        self._order, self._augmentation = order, augmentation
        self._extent = prepared.train_images.shape[1:3]
        self._policy = policy_of(augment, self._extent)
        if unknown := sorted(streams.keys() - STREAMS):
            raise TypeError(f"no stream is called '{unknown[0]}'; there are {', '.join(STREAMS)}")
        wanted = {"randaugment"} if self._policy is not None else set()
        wanted |= {name for name in STREAMS if getattr(augment, name) is not None}
        if lacking := sorted(wanted - streams.keys()):
            raise ValueError(f"{STREAMS[lacking[0]]} need a generator of their own")
        self._streams = streams
        self._normalise = Normaliser(prepared, device)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._indices) // self._size if self._size else 0

    def __iter__(self) -> Iterator[Batch]:
        """One epoch of (float32 [B, C, H, W] in channels-last order, int64 [B])."""
        drawn = self._indices[torch.randperm(len(self._indices), generator=self._order).numpy()]
        draws = self._draws(len(drawn))
        for number in range(len(self)):
            part = slice(number * self._size, (number + 1) * self._size)
            yield self._batch(drawn[part], draws[part])

    def _draws(self, count: int) -> Draws:
        augment, padding = self._augment, self._augment.crop or 0
        # Drawn in float64, whose products cannot round up to 2·padding + 1.
        draws = torch.rand(count, 3, generator=self._augmentation, dtype=torch.float64)
        offsets = (draws[:, :2] * (2 * padding + 1)).long() if padding else None
        flips = draws[:, 2] < 0.5 if augment.flip else None
        boxes = operations = orders = factors = transforms = None
        if augment.resized_crop is not None:
            boxes = crops.draw(augment.resized_crop, count, self._extent, self._streams["resized_crop"])
        if self._policy is not None:
            operations = self._policy.draw(count, self._streams["randaugment"])
        if augment.jitter is not None:
            orders, factors = colour_jitter.draw(augment.jitter, count, self._streams["jitter"])
        if augment.affine is not None:
            ranges, stream = augment.affine, self._streams["affine"]
            transforms = affine_transformation.draw(ranges, count, self._extent, stream)
        return Draws(boxes, offsets, flips, operations, orders, factors, transforms)

    def _batch(self, chosen: Labels, drawn: Draws) -> Batch:
        images, labels = self._source.gather(chosen)
        if drawn.boxes is not None:
            images = crops.resized(images, drawn.boxes)
        images = crop_and_flip(images, self._augment.crop or 0, drawn.offsets, drawn.flips)
        if self._policy is not None and drawn.operations is not None:
            images = self._policy.apply(images, drawn.operations)
        if drawn.orders is not None and drawn.factors is not None:
            images = colour_jitter.jitter(images, drawn.orders, drawn.factors)
        if drawn.transforms is not None:
            images = affine_transformation.warp(images, drawn.transforms)
        return self._normalise(images), labels


class TwoInputs:
    """Batches of the same images augmented in two ways, side by side in the channels: for networks of two paths.

    Args:
        first: what the first path is shown.
        second: the same images in the same order for the second, drawn from generators of its own but for the order.
    """

    def __init__(self, first: TrainBatches, second: TrainBatches) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._first)

    def __iter__(self) -> Iterator[Batch]:
        """One epoch of (float32 [B, 2 C, H, W] in channels-last order, int64 [B])."""
        for (images, labels), (others, same) in zip(self._first, self._second, strict=True):
            assert torch.equal(labels, same), "both have the same order"
            yield torch.cat([images, others], 1), labels


class _EvaluationBatches(Sequence[Batch]):
    """Batches in the order of the indices, made when asked for."""

    def __init__(self, source: Mapped | Resident, indices: Labels, batch: int, normalise: Normaliser) -> None:
        self._source, self._indices = source, indices
        self._batch, self._normalise = batch, normalise

    def __len__(self) -> int:
        return -(-len(self._indices) // self._batch)

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | list[Batch]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start = range(0, len(self._indices), self._batch)[index]
        images, labels = self._source.gather(self._indices[start : start + self._batch])
        return self._normalise(images), labels


def evaluation_batches(
    prepared: Prepared,
    part: Part,
    indices: npt.ArrayLike | None = None,
    *,
    batch: int = EVALUATION_BATCH,
    keep: bool = False,
    device: torch.device = CPU,
) -> Sequence[Batch]:
    """Every image once, in the order given, normalised and nothing else; the last batch may be smaller.

    Args:
        prepared: the dataset.
        part: `train` (for validation images, or accuracy on training images) or `test`.
        indices: which images [n]; all if not given.
        batch: images in a batch.
        keep: normalise now and keep the floats (four bytes per value), instead of on each pass.
        device: where the batches are to be.

    Returns:
        A sequence of (float32 [B, C, H, W] in channels-last order, int64 [B]), to be iterated as often as
        wanted.
    """
    found = source(prepared, part, device)
    chosen = np.arange(len(found.labels)) if indices is None else np.asarray(indices, np.int64)
    batches = _EvaluationBatches(found, chosen, batch, Normaliser(prepared, device))
    return list(batches) if keep else batches
