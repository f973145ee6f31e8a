"""Datasets decoded once into memory-mapped arrays, which all worker processes share through the page cache.

A prepared set is a folder `<cache>/prepared/<digest>-<size>` with four .npy files and `about.json`, built once
(`edgebench.data.building`). A dataset restricted to some classes is a set of its own, with its own mean and deviation.

The folder is found by the content's digest alone. A machine that has the folder needs no source, so a run on many
machines decodes once and sends what was decoded (`pack`, `unpack`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgebench.data.building import build_once, check_space
from edgebench.data.cache import cache_folder
from edgebench.data.channels import ChannelSums
from edgebench.data.cifar import read_cifar
from edgebench.data.folder import DEFAULT_SIZE, read_folder
from edgebench.data.idx import CLASS_NAMES, read_idx
from edgebench.data.npz import read_npz
from edgebench.data.raw import Images, Labels, Raw, RawSplit
from edgebench.data.source import Source, digest, locate
from edgebench.data.subset import restrict
from edgebench.errors import DataError

if TYPE_CHECKING:
    from edgebench.claim.settings import DataSettings

# Part of the folder's name: raise it when decoding or the files' layout change.
VERSION = 1

ARRAYS = ("train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A dataset ready for training.

    Attributes:
        folder: where its arrays are.
        train_images, test_images: uint8 [N, H, W, C], memory-mapped and read-only.
        train_labels, test_labels: int64 [N], memory-mapped and read-only.
        class_names: K names; a label is an index into them.
        digest: SHA-256 of the source.
        mean, std: per channel over all training images, for pixels scaled to 0..1 (population deviation).
    """

    folder: Path
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    class_names: tuple[str, ...]
    digest: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image, as a network sees it."""
        _, height, width, channels = self.train_images.shape
        return channels, height, width

    def __reduce__(self) -> tuple[object, ...]:
        # Sent to another process, the arrays are mapped again there instead of being copied.
        return (open_prepared, (self.folder,))


@dataclass(frozen=True, eq=False)
class Packed:
    """A prepared set in memory, to be sent to a machine that lacks it.

    Attributes:
        about: the text of `about.json`.
        arrays: the four arrays, by the names of their files.
    """

    about: str
    arrays: dict[str, npt.NDArray[Any]]


def prepare(settings: DataSettings, content: str | None = None) -> Prepared:
    """The dataset of `settings` (its name, size and classes; `train` and `val` are `split`'s), decoded once.

    Args:
        settings: which dataset.
        content: SHA-256 that the source must have. A set that was prepared from it is used without a look at the
            source, which may be on another machine.

    Raises:
        DataError: the source is missing or damaged, or is not `content`; it lacks one of the classes; the cache
            folder is not writable, the disk is full.
    """
    if content is not None and (known := find(settings, content)) is not None:
        return known
    source, found = locate(settings.name), digest(settings)
    if content is not None and found != content:
        raise DataError(
            f"the content of '{settings.name}' changed after the run was planned",
            expected=f"SHA-256 {content}",
            hint="run the same command again",
        )

    def write(folder: Path) -> None:
        size = settings.size or (DEFAULT_SIZE if source.kind == "folder" else None)
        raw = _read(source, size)
        if settings.classes is not None:
            raw = restrict(raw, settings.classes, source.root)
        _decode(raw, source, found, folder)
        if digest(settings) != found:
            raise DataError(f"'{settings.name}' changed while it was read", where=str(source.root))

    return build_once(_folder(settings, found), write, _try_open)


def find(settings: DataSettings, content: str) -> Prepared | None:
    """The set prepared from `content`, or None when this machine's cache does not have it."""
    return _try_open(_folder(settings, content))


def pack(settings: DataSettings, content: str) -> Packed:
    """What another machine needs to have this set; prepared first where it is not yet. Errors as `prepare`."""
    folder = prepare(settings, content).folder
    # Plain views of the mapped files: numpy sends those without a copy of its own, but not a `memmap`.
    arrays = {name: np.asarray(np.load(folder / name, mmap_mode="r")) for name in ARRAYS}
    return Packed((folder / "about.json").read_text("utf-8"), arrays)


def unpack(packed: Packed, settings: DataSettings, content: str) -> None:
    """Put a set that was packed on another machine into this one's cache, unless it is there by now.

    Raises:
        DataError: the cache folder is not writable, the disk is full.
    """

    def write(folder: Path) -> None:
        check_space(sum(array.nbytes for array in packed.arrays.values()), folder)
        for name, array in packed.arrays.items():
            _write_array(folder / name, array.shape, array.dtype.str, iter((array,)), None)
        (folder / "about.json").write_text(packed.about, "utf-8")

    build_once(_folder(settings, content), write, _try_open)


def _folder(settings: DataSettings, content: str) -> Path:
    part = ""
    if settings.classes is not None:
        # A digest, because a thousand numbers would be too long for a file's name.
        part = f"-c{hashlib.sha256(repr(settings.classes).encode()).hexdigest()[:16]}"
    return cache_folder() / "prepared" / f"{content[:40]}-{settings.size or 'native'}{part}-v{VERSION}"


def open_prepared(folder: Path) -> Prepared:
    """Map a folder that `prepare` made.

    Raises:
        DataError: it is missing or damaged.
    """
    prepared = _try_open(folder)
    if prepared is None:
        raise DataError("is not a complete prepared dataset", where=str(folder), hint="prepare it again")
    return prepared


def _try_open(folder: Path) -> Prepared | None:
    try:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        arrays: dict[str, Any] = {}
        for split in ("train", "test"):
            # np.load refuses a file shorter than its header says, and pickles.
            images = arrays[f"{split}_images"] = np.load(folder / f"{split}_images.npy", mmap_mode="r")
            labels = arrays[f"{split}_labels"] = np.load(folder / f"{split}_labels.npy", mmap_mode="r")
            if (
                images.dtype != np.uint8
                or images.ndim != 4
                or labels.dtype != np.int64
                or len(images) != len(labels)
            ):
                return None
        names, mean, std = (tuple(about[key]) for key in ("class_names", "mean", "std"))
        return Prepared(
            folder=folder, class_names=names, digest=about["digest"], mean=mean, std=std, **arrays
        )
    except Exception:  # np.load raises many types on damaged headers; whatever it is, the set is made again
        return None


def _read(source: Source, size: int | None) -> Raw:
    match source.kind:
        case "npz":
            return read_npz(source.root, size)
        case "folder":
            return read_folder(source.root, size)
        case "idx":
            return read_idx(source.paths, CLASS_NAMES[source.name], size)
        case "cifar":
            return read_cifar(source.paths, size)


def _decode(raw: Raw, source: Source, content: str, folder: Path) -> None:
    import PIL

    splits = (raw.train, raw.test)
    check_space(sum(math.prod(split.shape) + split.labels.nbytes for split in splits), folder)
    sums = ChannelSums(raw.train.shape[3])
    _write_split(folder, "train", raw.train, sums)
    _write_split(folder, "test", raw.test, None)
    about = {
        "class_names": raw.class_names,
        "digest": content,
        "mean": sums.mean(),
        "std": sums.std(),
        "origin": source.origin,
        "pillow": PIL.__version__,
    }
    (folder / "about.json").write_text(json.dumps(about, indent=1), "utf-8")


def _write_split(folder: Path, split: str, raw: RawSplit, sums: ChannelSums | None) -> None:
    _write_array(folder / f"{split}_labels.npy", raw.labels.shape, "<i8", iter((raw.labels,)), None)
    _write_array(folder / f"{split}_images.npy", raw.shape, "|u1", raw.chunks(), sums)


def _write_array(
    path: Path, shape: tuple[int, ...], descr: str, chunks: Iterator[Any], sums: ChannelSums | None
) -> None:
    # Written, not memory-mapped: on a full disk a write is an error, a store into a mapping kills the
    # process.
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
        count = 0
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk).data)
            count += len(chunk)
            if sums is not None:
                sums.add(chunk)
        file.flush()
        os.fsync(file.fileno())  # So that the rename never outlives the content.
    assert count == shape[0], f"{path.name}: {count} of {shape[0]} rows"
