"""A dataset for `data: edgebench-example:stripes`: an .npz file that is drawn when it is first asked for."""

import os
import tempfile
from pathlib import Path

import numpy as np


def stripes() -> Path:
    """The file, with 200 training and 100 test images of 8x8 pixels in two classes."""
    folder = Path(os.environ.get("EDGEBENCH_EXAMPLE_DATA") or tempfile.gettempdir())
    path = folder / "edgebench-example-stripes.npz"
    if not path.exists():
        random = np.random.default_rng(1)
        arrays = {"class_names": np.array(["along", "across"])}
        for part, count in (("train", 200), ("test", 100)):
            labels = np.arange(count) % 2
            wave = 60 * np.sin(np.arange(8) + random.uniform(0, 6, (count, 1)))
            along = np.broadcast_to(wave[:, :, None], (count, 8, 8))
            images = np.where(labels[:, None, None] == 0, along, along.transpose(0, 2, 1))
            noisy = images + 128 + random.normal(0, 20, images.shape)
            arrays[f"{part}_images"] = noisy.clip(0, 255).astype(np.uint8)
            arrays[f"{part}_labels"] = labels.astype(np.uint8)
        draft = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(draft, **arrays)
        draft.replace(path)  # whole, or not there
    return path
