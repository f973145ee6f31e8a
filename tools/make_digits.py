"""Write edgebench/data/digits.npz from scikit-learn's copy of the digits (needs scikit-learn).

The split into 1,297 training and 500 test images is stratified, drawn by `edgebench.data.split` with the seed
below; within each part, images stay in scikit-learn's order. Pixels 0..16 become 0..255, rounded.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.claim.settings import DataSettings
from edgebench.data.source import DIGITS
from edgebench.data.split import split

SEED = 1797
TEST = 500


def digits() -> dict[str, Any]:
    """The arrays of the file, by name."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    pixels = loaded.images.astype(np.int64)
    images = ((pixels * 255 + 8) // 16).astype(np.uint8)
    labels = loaded.target.astype(np.uint8)
    train, test = split(labels, DataSettings(name="digits", val=TEST), SEED)
    return {
        "train_images": images[train],
        "train_labels": labels[train],
        "test_images": images[test],
        "test_labels": labels[test],
        "class_names": np.array(list("0123456789")),
    }


def write(path: Path, arrays: dict[str, Any]) -> None:
    """An .npz with fixed dates, so that the same arrays give the same file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, buffer.getvalue())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else DIGITS, digits())
