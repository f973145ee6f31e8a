"""Tiny datasets in every layout that is read, made from seeded noise."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = ("ant", "bee", "cat")


def noise(count: int, side: int = 6, channels: int = 3, seed: int = 0) -> Any:
    """uint8 [count, side, side, channels]."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), np.uint8)


def labels_of(count: int) -> Any:
    return (np.arange(count) % len(CLASSES)).astype(np.uint8)


def plain(train: int = 9, test: int = 6, side: int = 6, channels: int = 3) -> dict[str, Any]:
    """Arrays of the plain .npz layout."""
    images = noise(train, side, channels), noise(test, side, channels, seed=1)
    first, second = images if channels == 3 else (part[..., 0] for part in images)
    return {
        "train_images": first,
        "train_labels": labels_of(train),
        "test_images": second,
        "test_labels": labels_of(test),
        "class_names": np.array(CLASSES),
    }


def encode(image: Any, form: str = "JPEG") -> bytes:
    """One image as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, form)
    return buffer.getvalue()


def decoded(images: Any) -> Any:
    """What JPEG leaves of some images."""
    return np.stack([np.asarray(Image.open(io.BytesIO(encode(i)))).reshape(i.shape) for i in images])


def jpeg(train: int = 9, test: int = 6, side: int = 8, channels: int = 3) -> dict[str, Any]:
    """Arrays of the JPEG .npz layout."""
    arrays: dict[str, Any] = {"class_names": np.array(CLASSES)}
    for seed, (split, count) in enumerate((("train", train), ("test", test))):
        files = [encode(image) for image in noise(count, side, channels, seed)]
        arrays[f"{split}_jpeg"] = np.frombuffer(b"".join(files), np.uint8)
        arrays[f"{split}_offsets"] = np.cumsum([0, *map(len, files)])
        arrays[f"{split}_labels"] = labels_of(count)
    return arrays


def save(path: Path, arrays: dict[str, Any], **changes: Any) -> Path:
    """An .npz of the arrays; a change to None leaves an array out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: value for key, value in {**arrays, **changes}.items() if value is not None})
    return path


def image_folder(root: Path, second: str = "test", side: int = 10) -> Path:
    """Three training images and one test image per class, in three formats."""
    for split, count in (("train", 3), (second, 1)):
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i, image in enumerate(noise(count, side, seed=label)):
                form = ("png", "jpeg", "bmp")[i]
                (folder / f"{i}.{form}").write_bytes(encode(image, form.upper()))
    return root


def idx(array: Any) -> bytes:
    """An IDX file of unsigned bytes."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def idx_folder(root: Path, zipped: bool = False) -> Path:
    """The four files of MNIST, with 12 and 5 images of 7 x 5 pixels."""
    root.mkdir(parents=True)
    for prefix, count, seed in (("train", 12, 0), ("t10k", 5, 1)):
        images = np.random.default_rng(seed).integers(0, 256, (count, 7, 5), np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(count) % 10)):
            name, content = f"{prefix}-{kind}-ubyte", idx(array)
            (root / f"{name}.gz" if zipped else root / name).write_bytes(
                gzip.compress(content) if zipped else content
            )
    return root


def python2_pickle(value: Any) -> bytes:
    """Pickle as Python 2 did (protocol 2, byte strings, numpy.core), which is how CIFAR was published."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    match value:
        case bool() | None:
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            return b"J" + struct.pack("<i", value)
        case bytes() if len(value) < 256:
            return b"U" + bytes((len(value),)) + value
        case bytes():
            return b"T" + struct.pack("<i", len(value)) + value
        case list():
            return b"](" + b"".join(map(_opcodes, value)) + b"e"
        case tuple():
            return b"(" + b"".join(map(_opcodes, value)) + b"t"
        case dict():
            return b"}(" + b"".join(_opcodes(k) + _opcodes(v) for k, v in value.items()) + b"u"
        case np.ndarray():
            kind = b"cnumpy\ndtype\n" + _opcodes((b"u1", 0, 1)) + b"R"
            kind += _opcodes((3, b"|", None, None, None, -1, -1, 0)) + b"b"
            start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _opcodes((0,)) + b"U\x01btR"
            shape = _opcodes(value.shape)
            return start + b"(J\x01\0\0\0" + shape + kind + b"\x89" + _opcodes(value.tobytes()) + b"tb"
    raise TypeError(type(value))


def cifar_images(count: int, seed: int) -> Any:
    """uint8 [count, 32, 32, 3]."""
    return noise(count, 32, 3, seed)


def planes(images: Any) -> Any:
    """Images as CIFAR stores them: [N, 3072], all reds of an image first."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def cifar10_folder(root: Path) -> Path:
    """Five batches of 4 images and a test batch of 3."""
    root.mkdir(parents=True)
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        count = 3 if name == "test_batch" else 4
        batch = {
            b"batch_label": name.encode(),
            b"labels": [(seed + i) % 10 for i in range(count)],
            b"data": planes(cifar_images(count, seed)),
            b"filenames": [b"x.png"] * count,
        }
        (root / name).write_bytes(python2_pickle(batch))
    meta = {b"num_cases_per_batch": 4, b"label_names": [b"class %d" % i for i in range(10)], b"num_vis": 3072}
    (root / "batches.meta").write_bytes(python2_pickle(meta))
    return root


def cifar100_folder(root: Path, train: int = 6, test: int = 2) -> Path:
    """A few training and test images, six and two unless told, with fine and coarse labels."""
    root.mkdir(parents=True)
    for seed, (name, count) in enumerate((("train", train), ("test", test))):
        batch = {
            b"filenames": [b"x.png"] * count,
            b"batch_label": b"training batch 1 of 1",
            b"fine_labels": [99 - i % 100 for i in range(count)],
            b"coarse_labels": [i % 20 for i in range(count)],
            b"data": planes(cifar_images(count, seed)),
        }
        (root / name).write_bytes(python2_pickle(batch))
    meta = {
        b"fine_label_names": [b"fine %d" % i for i in range(100)],
        b"coarse_label_names": [b"coarse %d" % i for i in range(20)],
    }
    (root / "meta").write_bytes(python2_pickle(meta))
    return root
