"""MNIST's own files (IDX): a big-endian header, then bytes; read as they are or gzipped.

Format: http://yann.lecun.com/exdb/mnist/ ("FILE FORMATS FOR THE MNIST DATABASE").
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgebench.data.images import resize_all
from edgebench.data.raw import Images, Raw, RawSplit, check_labels, rows_per_chunk, same_size
from edgebench.errors import DataError

CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
}

# No file of the family comes near this (EMNIST's largest has half a gigabyte); a gzip bomb would.
LIMIT_BYTES = 2**30


def read_idx(paths: Sequence[Path], class_names: tuple[str, ...], size: int | None = None) -> Raw:
    """Read training images, training labels, test images and test labels, in this order.

    Args:
        paths: the four files.
        class_names: names of the classes, whose number bounds the labels.
        size: pixels a side to bring images to; None keeps them.

    Raises:
        DataError: wrong magic number, a size that does not match the header, labels out of range.
    """
    train, test = (
        _split(
            read_array(paths[i], 3), paths[i], read_array(paths[i + 1], 1), paths[i + 1], class_names, size
        )
        for i in (0, 2)
    )
    return same_size(Raw(train, test, class_names), paths[0].parent)


def read_array(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """One IDX file of unsigned bytes with so many dimensions.

    Raises:
        DataError: unreadable, another type or number of dimensions, truncated or overlong.
    """
    data = _read(path)
    start = 4 + 4 * dimensions
    # The magic number's third byte is the type (8 = unsigned byte), its fourth the number of dimensions.
    if len(data) < start or data[:4] != bytes((0, 0, 8, dimensions)):
        raise DataError(
            f"begins with {data[:4].hex() or 'nothing'}",
            expected=f"{bytes((0, 0, 8, dimensions)).hex()} (unsigned bytes, {dimensions} dimensions)",
            where=str(path),
        )
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    count = 1
    for extent in shape:
        count *= extent
    if len(data) - start != count or not count:
        raise DataError(
            f"stores {len(data) - start} bytes for the shape {shape}",
            expected="as many as the shape says, and some" if not count else f"{count} bytes",
            where=str(path),
            hint="the file is incomplete or damaged; fetch it again",
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _read(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                data = file.read(LIMIT_BYTES + 1)
        else:
            with open(path, "rb") as plain:
                data = plain.read(LIMIT_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be read ({error})", where=str(path), hint="fetch it again") from error
    if len(data) > LIMIT_BYTES:
        raise DataError(f"has more than {LIMIT_BYTES} bytes", expected="an IDX file", where=str(path))
    return data


def _split(
    images: Images,
    path: Path,
    labels: Images,
    labels_path: Path,
    class_names: tuple[str, ...],
    size: int | None,
) -> RawSplit:
    checked = check_labels(labels, len(images), len(class_names), name=labels_path.name, where=path.parent)
    shape = (*images.shape, 1)

    def chunks() -> Iterator[Images]:
        step = rows_per_chunk(shape)
        for start in range(0, len(images), step):
            chunk = images[start : start + step, :, :, None]
            yield chunk if size is None else resize_all(chunk, size)

    return RawSplit((shape[0], size or shape[1], size or shape[2], 1), checked, chunks)
