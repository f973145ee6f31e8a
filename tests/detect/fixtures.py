"""Objects, detections and arms to test detectors with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edgebench.claim.settings import DetectSettings, ModelSettings
from edgebench.data.scene_batches import Objects
from edgebench.detect.network import Backbone, Detector
from edgebench.models import registry

BASE: dict[str, Any] = {
    "model": "micronet",
    "data": {"name": "shapes-grey", "train": 16, "val": 4, "size": 32},
    "head": 8,
    "optimiser": {"name": "adamw", "lr": 0.003},
    "epochs": 2,
    "batch": 8,
}


def settings(**change: Any) -> DetectSettings:
    return DetectSettings.model_validate(BASE | change)


def objects(*images: list[tuple[float, float, float, float, int]], weights: float = 1.0) -> Objects:
    """The objects (left, top, right, bottom, label) of some images, padded."""
    most = max(1, *map(len, images))
    boxes, labels = torch.zeros(len(images), most, 4), torch.full((len(images), most), -1)
    for index, found in enumerate(images):
        for slot, (*box, label) in enumerate(found):
            boxes[index, slot], labels[index, slot] = torch.tensor(box), label
    flags = torch.where(labels >= 0, 0, -1)
    return Objects(boxes, labels, flags, (labels >= 0) * weights)


def detector(size: int = 32, classes: int = 3, anchors: Tensor | None = None, **model: Any) -> Detector:
    named = ModelSettings.model_validate({"name": "micronet", **model})
    network = registry.build(named, in_channels=1, classes=classes, size=(size, size))
    if anchors is None:
        anchors = torch.tensor([[4.0, 4], [8, 4], [8, 8], [16, 8], [8, 16], [16, 16]])
    return Detector(Backbone(network, (1, size, size)), anchors, classes, 8)
