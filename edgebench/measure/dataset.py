"""A dataset's training images in numbers (trials of kind `dataset`): how many, how balanced, how bright."""

from __future__ import annotations

import numpy as np

from edgebench.claim.settings import DatasetSettings
from edgebench.data.prepared import prepare
from edgebench.run.record import Measured

_CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}


def run_dataset(settings: DatasetSettings, content: str | None = None) -> Measured:
    """Measure all training images; `train` and `val`, which a trial's seed draws, have no part in it.

    Args:
        settings: the dataset, its size of images and its classes.
        content: digest that the dataset must have (`Trial.data`).

    Raises:
        DataError: the dataset is missing, damaged, or not `content`.
    """
    data = prepare(settings.data, content)
    counts = np.bincount(data.train_labels, minlength=data.classes)
    images = len(data.train_labels)
    metrics = {
        "images": float(images),
        "images.test": float(len(data.test_labels)),
        "classes": float(data.classes),
        "share.smallest": 100 * int(counts.min()) / images,
        "share.largest": 100 * int(counts.max()) / images,
    }
    for channel, mean, std in zip(_CHANNELS[data.shape[0]], data.mean, data.std, strict=True):
        metrics |= {f"mean.{channel}": mean, f"std.{channel}": std}
    return Measured(metrics)
