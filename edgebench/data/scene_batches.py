"""Batches of scenes as tensors: images gathered, mirrored and normalised, objects padded to one number an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from edgebench.data.batches import crop_and_flip
from edgebench.data.prepared_scenes import ScenePart, Scenes
from edgebench.data.raw import Labels

if TYPE_CHECKING:
    from edgebench.claim.detection import SceneAugmentSettings


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of B images, at most G in each.

    Attributes:
        boxes: float32 [B, G, 4]: left, top, right, bottom, pixels; zeros where there is none.
        labels: int64 [B, G]; -1 where there is none.
        flags: int64 [B, G], what each counts for (`edgebench.data.annotated`); -1 where there is none.
        weights: float32 [B, G], by which their losses count.
    """

    boxes: Tensor
    labels: Tensor
    flags: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> Objects:
        return Objects(*(each.to(device) for each in (self.boxes, self.labels, self.flags, self.weights)))

    def mirrored(self, chosen: Tensor, width: int) -> Objects:
        """Those of the chosen images (bool [B]) mirrored left-right, in images of that width."""
        left, top, right, bottom = self.boxes.unbind(2)
        there = (right > left)[:, :, None]
        flipped = torch.stack([width - right, top, width - left, bottom], 2) * there
        return replace(self, boxes=torch.where(chosen[:, None, None], flipped, self.boxes))


SceneBatch = tuple[Tensor, Objects]


def objects_of(part: ScenePart, chosen: Labels) -> Objects:
    """The objects of some images (int64 [B]), padded to as many as the fullest of them has."""
    starts = np.concatenate([[0], part.ends[:-1]])[chosen]
    counts = part.ends[chosen] - starts
    slots = np.arange(max(1, int(counts.max(initial=0))))
    there = slots < counts[:, None]
    at = np.where(there, starts[:, None] + slots, 0)
    if not len(part.labels):  # nothing to index, not even for what is not there
        nothing = torch.full(at.shape, -1)
        return Objects(torch.zeros(*at.shape, 4), nothing, nothing, torch.zeros(at.shape))
    boxes = part.boxes[at] * there[:, :, None]
    labels, flags = np.where(there, part.labels[at], -1), np.where(there, part.flags[at].astype(np.int64), -1)
    weights = there.astype(np.float32)
    return Objects(*map(torch.from_numpy, (boxes.astype(np.float32), labels, flags, weights)))


class SceneReader:
    """Gathers and normalises scenes of one part.

    Args:
        scenes: the set, with the mean and deviation to normalise by.
        part: `scenes.train` or `scenes.test`.
        device: where batches are to be.
    """

    def __init__(self, scenes: Scenes, part: ScenePart, device: torch.device) -> None:
        self._part, self._device = part, device
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (scenes.mean, scenes.std))
        self._scale = (1 / (255 * std)).float().to(device)
        self._shift = (-mean / std).float().to(device)

    def read(self, chosen: Labels, flips: Tensor | None = None) -> SceneBatch:
        """Images float32 [B, C, H, W] (channels last) and their objects; `flips`: bool [B], which to mirror."""
        images = torch.from_numpy(self._part.images.take(chosen, axis=0))
        objects = objects_of(self._part, chosen)
        if flips is not None:
            images = crop_and_flip(images, 0, None, flips)
            objects = objects.mirrored(flips, images.shape[2])
        floats = images.to(self._device).float().mul_(self._scale).add_(self._shift)
        return floats.permute(0, 3, 1, 2), objects.to(self._device)


class TrainScenes:
    """Shuffled, augmented training batches; each iteration over it is one epoch.

    The last, incomplete batch of an epoch is dropped, as in `edgebench.data.batches.TrainBatches`. Order and mirroring
    are drawn whether or not they are used, and mixing from another stream, so that arms share everything else.

    Args:
        scenes: the set.
        indices: of the training images to use.
        augment: what happens to them.
        batch: images in a batch; all of them, if there are fewer.
        order, mirroring: generators on the CPU.
        device: where the batches are to be.
    """

    def __init__(
        self,
        scenes: Scenes,
        indices: Labels,
        augment: SceneAugmentSettings,
        batch: int,
        order: torch.Generator,
        mirroring: torch.Generator,
        device: torch.device,
    ) -> None:
        self._reader = SceneReader(scenes, scenes.train, device)
        self._indices, self._augment, self._size = indices, augment, min(batch, len(indices))
        self._order, self._mirroring = order, mirroring

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._indices) // self._size

    def __iter__(self) -> Iterator[SceneBatch]:
        count = len(self._indices)
        drawn = self._indices[torch.randperm(count, generator=self._order).numpy()]
        flips = torch.rand(count, generator=self._mirroring) < 0.5
        for number in range(len(self)):
            part = slice(number * self._size, (number + 1) * self._size)
            batch = self._reader.read(drawn[part], flips[part] if self._augment.flip else None)
            if self._augment.mixup is not None:
                shares, partners = draw_mixing(self._size, self._augment.mixup.alpha)
                batch = mix(*batch, shares, partners)
            yield batch


def draw_mixing(count: int, alpha: float) -> tuple[Tensor, Tensor]:
    """λ ~ Beta(α, α) for each of `count` images (float32 [count]), and whom it is blended with (int64 [count]).

    From torch's global generator, which a trial seeds for exactly this kind of noise.
    """
    shares = torch.distributions.Beta(torch.tensor(alpha), torch.tensor(alpha)).sample((count,))
    return shares, torch.randperm(count)


def mix(images: Tensor, objects: Objects, shares: Tensor, partners: Tensor) -> SceneBatch:
    """Mixup for detection (Zhang et al. 2019, Bag of Freebies for Training Object Detection Neural Networks, 3.1).

    x̃ᵢ = λᵢ xᵢ + (1 - λᵢ) xⱼ; the objects of both images are kept, with the weights λᵢ and 1 - λᵢ.

    Args:
        images: float32 [B, C, H, W].
        objects: theirs.
        shares: λ, float32 [B].
        partners: j, int64 [B].

    Returns:
        Images, and objects [B, 2G].
    """
    shares, partners = shares.to(images.device), partners.to(images.device)
    own, other = shares[:, None], (1 - shares)[:, None]
    blended = images * own[:, :, None, None] + images[partners] * other[:, :, None, None]
    return blended.contiguous(memory_format=torch.channels_last), Objects(
        torch.cat([objects.boxes, objects.boxes[partners]], 1),
        torch.cat([objects.labels, objects.labels[partners]], 1),
        torch.cat([objects.flags, objects.flags[partners]], 1),
        torch.cat([objects.weights * own, objects.weights[partners] * other], 1),
    )


class EvaluationScenes:
    """Every scene once, in the order given, normalised and nothing else; the last batch may be smaller.

    Args:
        scenes: the set, with the mean and deviation to normalise by.
        part: `scenes.train` or `scenes.test`.
        indices: which images, int64 [n].
        batch: images in a batch.
        device: where the batches are to be.
    """

    def __init__(
        self, scenes: Scenes, part: ScenePart, indices: Labels, batch: int, device: torch.device
    ) -> None:
        self._reader, self._indices, self._batch = SceneReader(scenes, part, device), indices, batch

    def __iter__(self) -> Iterator[SceneBatch]:
        for start in range(0, len(self._indices), self._batch):
            yield self._reader.read(self._indices[start : start + self._batch])
