"""From a dataset's name to the files that hold it, without reading them.

A named set is looked for in the folder that `EDGEBENCH_DATA` names, then in the cache folder, where
`edgebench data fetch` puts downloads. Nothing here opens a network connection or imports numpy or torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebench import plugins
from edgebench.data.cache import CACHE_VARIABLE, DATA_VARIABLE, cache_folder
from edgebench.data.digests import content_digest
from edgebench.data.listing import is_image_folder, list_images
from edgebench.errors import DataError, MissingDataError, did_you_mean

if TYPE_CHECKING:
    from edgebench.claim.settings import DataSettings

Kind = Literal["npz", "folder", "idx", "cifar"]

DIGITS = Path(__file__).parent / "digits.npz"

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CIFAR10_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
CIFAR100_FILES = ("train", "test", "meta")


@dataclass(frozen=True)
class Source:
    """Where a dataset's bytes are.

    Attributes:
        name: as asked for (`cifar10`, `npz:PATH`).
        kind: layout, and thereby which module reads it.
        root: the folder (or, for npz, the file) that `paths` are in.
        paths: the files, in the order their reader wants them; for a folder, just the folder.
        origin: a phrase for the record: which file or folder, found through what.
    """

    name: str
    kind: Kind
    root: Path
    paths: tuple[Path, ...]
    origin: str


@dataclass(frozen=True)
class Known:
    """A dataset that has a name: torchvision's class and layout of it, and whether an .npz will do."""

    torchvision: str | None = None
    folder: str | None = None
    kind: Kind | None = None
    files: tuple[str, ...] = ()
    npz: bool = True


KNOWN: dict[str, Known] = {
    "digits": Known(),
    "mnist": Known("MNIST", "MNIST/raw", "idx", IDX_FILES),
    "fashion-mnist": Known("FashionMNIST", "FashionMNIST/raw", "idx", IDX_FILES),
    "cifar10": Known("CIFAR10", "cifar-10-batches-py", "cifar", CIFAR10_FILES),
    "cifar100": Known("CIFAR100", "cifar-100-python", "cifar", CIFAR100_FILES),
    "flowers40": Known(),
    "flowers102": Known(),
    "imagenette": Known(),
    "imagenet": Known(npz=False),
}
PREFIXES = ("npz:", "folder:")


def names() -> tuple[str, ...]:
    """The datasets that have a name; `npz:PATH` and `folder:PATH` are understood besides."""
    return tuple(KNOWN)


def check(name: str) -> None:
    """Say whether `name` could be a dataset, without touching the disk.

    Raises:
        DataError: unknown name, empty path, or a URL.
    """
    if name in KNOWN:
        return
    if plugins.provides(plugins.Dataset, name):
        plugins.entry(plugins.Dataset, name)
        return
    if "://" in name:
        raise DataError(
            f"'{name}' is a URL; data are read from local files only",
            expected="a dataset's name, npz:PATH or folder:PATH",
            hint="download it first and give its path",
        )
    prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
    if prefix is None:
        raise DataError(
            f"no dataset is called '{name}'",
            expected=f"one of {', '.join(KNOWN)}, npz:PATH, folder:PATH, PACKAGE:NAME",
            hint=did_you_mean(name, KNOWN),
        )
    path = name.removeprefix(prefix)
    if not path.strip() or "\0" in path:
        raise DataError(f"'{prefix}' is not followed by a usable path", expected=f"{prefix}PATH")


def locate(name: str) -> Source:
    """Find the files of a dataset; they are not opened.

    Raises:
        DataError: the name is unknown, or its files are missing or incomplete.
    """
    check(name)
    if name == "digits":
        return Source(name, "npz", DIGITS, (DIGITS,), "digits.npz, part of EdgeBench")
    if plugins.provides(plugins.Dataset, name):
        return _from_package(name)
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return _from_path(name, name.removeprefix(prefix), "npz" if prefix == "npz:" else "folder")
    known, folders = KNOWN[name], places()
    for folder, through in folders:
        for source in _candidates(name, known, folder, through):
            return source
    raise _missing(name, known, folders)


def digest(settings: DataSettings) -> str:
    """SHA-256 (hex) of the content that `settings.name` stands for here.

    For an .npz this is the file's own SHA-256. A file already hashed costs a `stat` and the reading of one
    line; an image folder costs a `stat` per image.

    Raises:
        DataError: as `locate`, or a file cannot be read.
    """
    source = locate(settings.name)
    return content_digest(source.root, source_files(source))


def source_files(source: Source) -> tuple[Path, ...]:
    """Every file that `source` is read from.

    Raises:
        DataError: an image folder that is not of the documented layout.
    """
    if source.kind != "folder":
        return source.paths
    listing = list_images(source.root)
    return tuple(source.root / name for name, _ in (*listing.train, *listing.test))


def data_folder() -> Path | None:
    """The folder that `EDGEBENCH_DATA` names, if it is set. Raises DataError if that is no folder."""
    chosen = os.environ.get(DATA_VARIABLE)
    if not chosen:
        return None
    if not os.path.isdir(chosen):
        raise DataError(f"{DATA_VARIABLE} does not name a folder", expected="a folder", where=chosen)
    return Path(chosen).absolute()


def places() -> list[tuple[Path, str]]:
    """The folders where named things are looked for, in order, each with what led there."""
    data = data_folder()
    cache = (cache_folder(), "the cache folder")
    return [(data, DATA_VARIABLE), cache] if data else [cache]


def _from_path(name: str, path: str, kind: Literal["npz", "folder"]) -> Source:
    data = data_folder()
    bases = [Path.cwd()] if data is None else [data, Path.cwd()]
    # An absolute path swallows the base it is joined to.
    tried = list(dict.fromkeys(base / path for base in bases))
    for candidate in tried:
        if os.path.isfile(candidate) if kind == "npz" else os.path.isdir(candidate):
            return Source(name, kind, candidate, (candidate,), f"{candidate.name}, given by its path")
    wanted = "an .npz file" if kind == "npz" else "a folder"
    there = next((candidate for candidate in tried if os.path.lexists(candidate)), None)
    raise DataError(
        f"'{there}' is not {wanted}" if there else f"there is no '{path}'",
        expected=f"{wanted} at {' or '.join(map(str, tried))}",
        where=name,
        hint=None if os.path.isabs(path) else f"a relative path is looked up in {DATA_VARIABLE}, then here",
    )


def _from_package(name: str) -> Source:
    """The file or folder to which the function of another package leads."""
    found = plugins.entry(plugins.Dataset, name)
    root = Path(plugins.target(plugins.Dataset, name, found.target)()).absolute()
    if not root.exists():
        raise DataError(f"there is no '{root}'", expected="an .npz file or an image folder", where=name)
    return Source(name, "npz" if root.is_file() else "folder", root, (root,), f"{root.name}, part of {name}")


def _npz_names(name: str) -> list[str]:
    plain = list(dict.fromkeys((name, name.replace("-", "_"))))
    return [f"{stem}{ending}.npz" for stem in plain for ending in ("", "_jpeg")]


def _candidates(name: str, known: Known, folder: Path, through: str) -> Iterator[Source]:
    for file in _npz_files(name, folder) if known.npz else ():
        yield Source(name, "npz", file, (file,), f"{file.name}, found through {through}")
    if known.folder and known.kind and os.path.isdir(folder / known.folder):
        root = folder / known.folder
        paths = tuple(_official_file(root, file, known.kind) for file in known.files)
        yield Source(name, known.kind, root, paths, f"{known.folder}, found through {through}")
    for root in dict.fromkeys((folder / name, folder / name.replace("-", "_"))):
        if is_image_folder(root):
            yield Source(name, "folder", root, (root,), f"folder {root.name}, found through {through}")


def _npz_files(name: str, folder: Path) -> Iterator[Path]:
    for file in _npz_names(name):
        if os.path.isfile(folder / file):
            yield folder / file
    # Reduced copies carry their size in the name; of several, the largest.
    reduced = re.compile(re.escape(name.replace("-", "_")) + r"_(\d{1,4})_jpeg\.npz")
    try:
        matches = [match for file in os.listdir(folder) if (match := reduced.fullmatch(file))]
    except OSError:
        return
    for match in sorted(matches, key=lambda match: int(match[1]), reverse=True):
        yield folder / match[0]


def _official_file(root: Path, file: str, kind: Kind) -> Path:
    for candidate in (file, f"{file}.gz") if kind == "idx" else (file,):
        if os.path.isfile(root / candidate):
            return root / candidate
    raise DataError(
        f"'{file}' is missing", expected="all files of the dataset", where=str(root), hint="fetch it again"
    )


def _missing(name: str, known: Known, places: list[tuple[Path, str]]) -> DataError:
    layouts = [*_npz_names(name), f"{name}_<size>_jpeg.npz"] if known.npz else []
    layouts += [f"{known.folder}/"] if known.folder else []
    layouts += [f"{name}/train/<class>/* with {name}/test/<class>/*"]
    ways = [f"set {DATA_VARIABLE} to a folder that holds one of {', '.join(layouts)}"]
    if known.torchvision:
        ways.append(f"run `edgebench data fetch {name}` to download it into {CACHE_VARIABLE}")
    ways.append("name the file itself with npz:PATH or folder:PATH")
    searched = ", ".join(f"{folder} ({through})" for folder, through in places)
    return MissingDataError(
        f"the dataset '{name}' is not here", expected=f"it in {searched}", hint="; or ".join(ways)
    )
