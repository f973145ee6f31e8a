"""The maps below the first trained layer, computed once: a frozen prefix gives the same map of an image every time.

Allowed where augmentation leaves each image in a few forms: as it is, or mirrored. What is trained is then the rest of
the network, on maps instead of images. Epochs have the order and mirrorings that they have without this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edgebench.claim.settings import AugmentSettings
from edgebench.data.batches import Batch, TrainBatches, evaluation_batches
from edgebench.data.prepared import Prepared
from edgebench.data.raw import Labels

BATCH = 50  # images at a time: their maps stay in the processor's cache better than those of many


def cacheable(augment: AugmentSettings) -> bool:
    """Whether training sees each image in so few forms that their maps can be kept."""
    return not augment.crop and augment.affine is None


class Maps:
    """What a frozen prefix makes of some images of a dataset.

    Args:
        prefix: without trained parameters, in the behaviour of evaluation.
        data: the dataset.
        indices: which of its training images.
        mirrored: whether to keep the maps of their mirror images too.
    """

    def __init__(
        self,
        prefix: nn.Module,
        data: Prepared,
        indices: npt.ArrayLike,
        *,
        mirrored: bool,
        device: torch.device,
    ) -> None:
        self.prefix = prefix
        self._data, self._device = data, device
        chosen = np.asarray(indices, np.int64)
        self._rows = np.full(len(data.train_labels), -1, np.int64)
        self._rows[chosen] = np.arange(len(chosen))
        self._labels = torch.from_numpy(np.asarray(data.train_labels)).to(device)
        batches = evaluation_batches(data, "train", chosen, batch=BATCH, device=device)
        self._maps = [self._of(images for images, _ in batches)]
        if mirrored:
            self._maps.append(self._of(images.flip(3) for images, _ in batches))

    def gather(self, indices: Labels, flips: Tensor | None = None) -> Batch:
        """Maps [B, C, H, W] in channels-last order (or vectors [B, F]) and labels [B] of training images."""
        rows = torch.from_numpy(self._rows[indices]).to(self._device)
        maps = self._maps[0].index_select(0, rows)
        if flips is not None:
            chosen = flips.nonzero().view(-1).to(self._device)
            maps.index_copy_(0, chosen, self._maps[1].index_select(0, rows[chosen]))
        labels = self._labels[torch.from_numpy(indices).to(self._device)]
        return (maps.permute(0, 3, 1, 2) if maps.dim() == 4 else maps), labels

    def test(self) -> Sequence[Batch]:
        """Maps of all test images, made when asked for: they are needed once."""
        return _Passed(self.prefix, evaluation_batches(self._data, "test", batch=BATCH, device=self._device))

    def train(self, indices: Labels, batch: int) -> Sequence[Batch]:
        """Maps of un-augmented training images, in the order of the indices."""
        return [self.gather(indices[start : start + batch]) for start in range(0, len(indices), batch)]

    @torch.no_grad()
    def _of(self, batches: Iterator[Tensor]) -> Tensor:
        self.prefix.eval()
        maps = [self.prefix(images) for images in batches]
        # Kept in the order of channels-last memory, so that a batch is gathered in runs and needs no conversion.
        return torch.cat(
            [each.permute(0, 2, 3, 1) if each.dim() == 4 else each for each in maps]
        ).contiguous()


class MapBatches(TrainBatches):
    """As `TrainBatches`, with the maps of the drawn images in their place."""

    def __init__(self, maps: Maps, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._maps = maps

    def _batch(
        self, chosen: Labels, offsets: Tensor | None, flips: Tensor | None, transforms: Tensor | None
    ) -> Batch:
        return self._maps.gather(chosen, flips)


class _Passed(Sequence[Batch]):
    """Batches of images, passed through the prefix when asked for."""

    def __init__(self, prefix: nn.Module, batches: Sequence[Batch]) -> None:
        self._prefix, self._batches = prefix, batches

    def __len__(self) -> int:
        return len(self._batches)

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | list[Batch]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        images, labels = self._batches[index]
        with torch.no_grad():
            return self._prefix.eval()(images), labels
