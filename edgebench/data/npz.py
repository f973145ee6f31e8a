"""Datasets in .npz files, read strictly and without pickle.

Two layouts, each with `class_names` (strings) and integer labels [N]:

- plain: `train_images` uint8 [N, H, W], [N, H, W, 1] or [N, H, W, 3], `train_labels`; the same for `test_`;
- JPEG: `train_jpeg` uint8 (all files, one after another), `train_offsets` [N + 1] (image i is
  `jpeg[offsets[i]:offsets[i + 1]]`), `train_labels`; the same for `test_`.

Headers are checked against the archive's directory before anything is allocated, and images are streamed, so
that a small file cannot claim a large memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.data.archive import LIMIT_BYTES, Archive
from edgebench.data.images import decode, resize_all
from edgebench.data.raw import Images, Raw, RawSplit, check_labels, describe, rows_per_chunk, same_size
from edgebench.errors import DataError


def read_npz(path: Path, size: int | None = None, limit: int = LIMIT_BYTES) -> Raw:
    """Check a dataset and prepare to decode it.

    Args:
        path: the .npz file.
        size: pixels a side to bring images to; None keeps them, which then must all be of one size.
        limit: the most bytes that its arrays, and its decoded images, may have.

    Raises:
        DataError: missing arrays, wrong types or shapes, labels or offsets out of range, damage.
    """
    archive = Archive(path, limit)
    names = archive.read("class_names")
    if names.dtype.kind not in "US" or names.ndim != 1 or not len(names):
        raise DataError(
            f"'class_names' is {names.dtype} of shape {names.shape}",
            expected="strings of shape [K]",
            where=str(path),
        )
    class_names = tuple(
        name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names.tolist()
    )
    train, test = (_split(archive, split, len(class_names), size) for split in ("train", "test"))
    return same_size(Raw(train, test, class_names), path)


def _split(archive: Archive, split: str, classes: int, size: int | None) -> RawSplit:
    if f"{split}_images" in archive:
        result = _plain_split(archive, split, classes, size)
    elif f"{split}_jpeg" in archive:
        result = _jpeg_split(archive, split, classes, size)
    else:
        raise DataError(
            f"there is neither '{split}_images' nor '{split}_jpeg' among {', '.join(archive.keys)}",
            expected="one of them",
            where=str(archive.path),
        )
    total = math.prod(result.shape)
    if total > archive.limit:
        raise DataError(
            f"{split} images take {total} bytes decoded",
            expected=f"at most {archive.limit}",
            where=str(archive.path),
        )
    return result


def _plain_shape(archive: Archive, split: str) -> tuple[int, ...]:
    key = f"{split}_images"
    header = archive.header(key)
    shape = header.shape if len(header.shape) == 4 else (*header.shape, 1)
    if header.dtype != np.uint8 or len(header.shape) not in (3, 4) or shape[3] not in (1, 3) or 0 in shape:
        raise DataError(
            f"'{key}' is {header.dtype} of shape {header.shape}",
            expected="uint8 of shape [N, H, W] or [N, H, W, 3], none of them 0",
            where=str(archive.path),
        )
    return shape


def _plain_split(archive: Archive, split: str, classes: int, size: int | None) -> RawSplit:
    shape = _plain_shape(archive, split)
    count, height, width, channels = shape
    labels = check_labels(
        archive.read(f"{split}_labels"), count, classes, name=f"{split}_labels", where=archive.path
    )

    def chunks() -> Iterator[Images]:
        for rows in archive.rows(f"{split}_images", rows_per_chunk(shape)):
            images = rows.reshape(-1, height, width, channels)
            yield images if size is None else resize_all(images, size)

    return RawSplit((count, size or height, size or width, channels), labels, chunks)


def _jpeg_split(archive: Archive, split: str, classes: int, size: int | None) -> RawSplit:
    path, key = archive.path, f"{split}_jpeg"
    header = archive.header(key)
    if header.dtype != np.uint8 or len(header.shape) != 1:
        raise DataError(
            f"'{key}' is {header.dtype} of shape {header.shape}",
            expected="uint8 of one dimension",
            where=str(path),
        )
    offsets = _offsets(archive.read(f"{split}_offsets"), header.shape[0], f"{split}_offsets", path)
    count = len(offsets) - 1
    labels = check_labels(archive.read(f"{split}_labels"), count, classes, name=f"{split}_labels", where=path)
    files = archive.read(key)

    def image(index: int, colour: bool | None) -> Images:
        data = files[offsets[index] : offsets[index + 1]].tobytes()
        what = f"{split} image {index}"
        return decode(data, what=what, where=path, colour=colour, size=size, formats=("JPEG",))

    # The first image says what all of them are: grey or colour, and of which size.
    first = image(0, None)
    shape = (count, *first.shape)

    def chunks() -> Iterator[Images]:
        step = rows_per_chunk(shape)
        for start in range(0, count, step):
            chunk = np.empty((min(step, count - start), *first.shape), np.uint8)
            for row in range(len(chunk)):
                decoded = image(start + row, first.shape[2] == 3)
                if decoded.shape != first.shape:
                    raise DataError(
                        f"{split} image {start + row} is {describe((1, *decoded.shape))}",
                        expected=f"{describe(shape)}, as image 0 is",
                        where=str(path),
                        hint="give `size` to bring them to one size",
                    )
                chunk[row] = decoded
            yield chunk

    return RawSplit((count, first.shape[0], first.shape[1], first.shape[2]), labels, chunks)


def _offsets(offsets: npt.NDArray[Any], stored: int, name: str, path: Path) -> npt.NDArray[np.int64]:
    if offsets.dtype.kind not in "iu" or offsets.ndim != 1 or len(offsets) < 2:
        raise DataError(
            f"'{name}' is {offsets.dtype} of shape {offsets.shape}",
            expected="integers of shape [N + 1], N being at least 1",
            where=str(path),
        )
    beyond = np.flatnonzero((offsets < 0) | (offsets > stored))
    if beyond.size:
        raise DataError(
            f"'{name}' has {offsets[beyond[0]]} at index {beyond[0]}",
            expected=f"values from 0 to {stored}, the bytes stored",
            where=str(path),
        )
    signed = offsets.astype(np.int64)
    falling = np.flatnonzero(np.diff(signed) < 0)
    if falling.size:
        raise DataError(
            f"'{name}' falls from {signed[falling[0]]} to {signed[falling[0] + 1]} at index {falling[0] + 1}",
            expected="values that never fall",
            where=str(path),
        )
    return signed
