"""Datasets decoded once into memory-mapped arrays, which all worker processes share through the page cache.

A prepared set is a folder `<cache>/prepared/<digest>-<size>` with four .npy files and `about.json`. It is
built in a temporary folder and renamed into place, so that it is either whole or absent whatever happens to
the process that builds it; processes that need the same set wait for the first of them (a file lock, which
the system releases when its holder dies).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebench.data.cache import CACHE_VARIABLE, cache_folder
from edgebench.data.channels import ChannelSums
from edgebench.data.cifar import read_cifar
from edgebench.data.folder import DEFAULT_SIZE, read_folder
from edgebench.data.idx import CLASS_NAMES, read_idx
from edgebench.data.npz import read_npz
from edgebench.data.raw import Images, Labels, Raw, RawSplit
from edgebench.data.source import Source, digest, locate
from edgebench.errors import DataError

if TYPE_CHECKING:
    from edgebench.claim.settings import DataSettings

# Part of the folder's name: raise it when decoding or the files' layout change.
VERSION = 1

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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


def prepare(settings: DataSettings) -> Prepared:
    """The dataset of `settings` (its name and size; `train` and `val` are `split`'s), decoded once.

    Raises:
        DataError: the source is missing or damaged, the cache folder is not writable, the disk is full.
    """
    source, content = locate(settings.name), digest(settings)
    size = settings.size or (DEFAULT_SIZE if source.kind == "folder" else None)
    folder = cache_folder() / "prepared" / f"{content[:40]}-{size or 'native'}-v{VERSION}"
    prepared = _try_open(folder)
    if prepared is not None:
        return prepared
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_name(f"{folder.name}.lock")) as alone:
            prepared = _try_open(folder)  # Another process may have built it while this one waited.
            if prepared is None:
                if alone:
                    _remove_leftovers(folder)
                _build(_read(source, size), source, content, folder)
                if digest(settings) != content:
                    shutil.rmtree(folder)
                    raise DataError(f"'{settings.name}' changed while it was read", where=str(source.root))
                prepared = open_prepared(folder)
    except OSError as error:
        raise _cannot_write(error, folder.parent) from error
    return prepared


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
            # np.load refuses a file shorter than its header says.
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
    except (OSError, ValueError, KeyError, TypeError, EOFError):
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


def _build(raw: Raw, source: Source, content: str, folder: Path) -> None:
    import PIL

    _check_space(raw, folder.parent)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.tmp-"))
    try:
        os.chmod(temporary, 0o755)  # mkdtemp makes it private, but a cache may be shared.
        sums = ChannelSums(raw.train.shape[3])
        _write_split(temporary, "train", raw.train, sums)
        _write_split(temporary, "test", raw.test, None)
        about = {
            "class_names": raw.class_names,
            "digest": content,
            "mean": sums.mean(),
            "std": sums.std(),
            "origin": source.origin,
            "pillow": PIL.__version__,
        }
        (temporary / "about.json").write_text(json.dumps(about, indent=1), "utf-8")
        if folder.exists():  # It did not open, so it is damaged: out of the way, in one step.
            os.rename(folder, temporary / "damaged")
        os.rename(temporary, folder)
        shutil.rmtree(folder / "damaged", ignore_errors=True)
    except OSError:
        # Where locks do not work, another process may have finished first; its folder is as good.
        if _try_open(folder) is None:
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Wait for, and hold, the right to build; False where the platform or file system has no locks."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover (Windows)
        yield False
        return
    with open(path, "w") as file:
        locked = False
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
            locked = True
        yield locked


def _remove_leftovers(folder: Path) -> None:
    """Remove what builders that were killed left behind; only the holder of the lock may."""
    for leftover in folder.parent.glob(f"{folder.name}.tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _check_space(raw: Raw, folder: Path) -> None:
    need = sum(
        int(np.prod(split.shape, dtype=object)) + split.labels.nbytes for split in (raw.train, raw.test)
    )
    free = shutil.disk_usage(folder).free
    if need > free:
        raise _full(f"{need / 2**20:.0f} MiB needed, {free / 2**20:.0f} MiB free", folder)


def _full(detail: str, folder: Path) -> DataError:
    return DataError(
        f"no space for the decoded images ({detail})",
        where=str(folder),
        hint=f"free some, or set {CACHE_VARIABLE} to a folder on a larger disk",
    )


def _cannot_write(error: OSError, folder: Path) -> DataError:
    if error.errno in _FULL:
        return _full(error.strerror or str(error), folder)
    return DataError(
        f"the cache folder cannot be written ({error.strerror or error})",
        expected="a writable folder",
        where=str(folder),
        hint=f"set {CACHE_VARIABLE} to one",
    )
