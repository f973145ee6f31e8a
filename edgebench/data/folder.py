"""Image folders: `PATH/train/<class>/*`, `PATH/test/<class>/*`, brought to one size and three channels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgebench.data.images import FORMATS, decode
from edgebench.data.listing import list_images
from edgebench.data.raw import Images, Raw, RawSplit, rows_per_chunk

DEFAULT_SIZE = 224


def read_folder(root: Path, size: int | None = None) -> Raw:
    """List a folder and prepare to decode it; labels index the sorted class names.

    Args:
        root: the folder.
        size: pixels a side of the decoded images, 224 if not given (shorter side resized, centre cropped).

    Raises:
        DataError: not of the layout; while decoding, an unreadable image (which names its file).
    """
    listing = list_images(root)
    side = size or DEFAULT_SIZE
    return Raw(
        _split(listing.root, listing.train, side),
        _split(listing.root, listing.test, side),
        listing.class_names,
    )


def _split(root: Path, images: tuple[tuple[str, int], ...], size: int) -> RawSplit:
    shape = (len(images), size, size, 3)

    def chunks() -> Iterator[Images]:
        step = rows_per_chunk(shape)
        for start in range(0, len(images), step):
            names = [name for name, _ in images[start : start + step]]
            chunk = np.empty((len(names), size, size, 3), np.uint8)
            for row, name in enumerate(names):
                chunk[row] = decode(
                    root / name, what=name, where=root, colour=True, size=size, formats=FORMATS
                )
            yield chunk

    return RawSplit(shape, np.array([label for _, label in images], np.int64), chunks)
