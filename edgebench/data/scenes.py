"""From the name of a set of scenes to the files that hold it, without reading them, and its digest.

Nothing here opens a network connection or imports numpy or torch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.data.bounded import file_name, read_bytes
from edgebench.data.cache import DATA_VARIABLE
from edgebench.data.digests import content_digest
from edgebench.data.source import places
from edgebench.errors import DataError, MissingDataError

if TYPE_CHECKING:
    from edgebench.claim.detection import ScenesSettings

DRAWN = ("shapes", "shapes-grey")
# Part of the digest of scenes that are drawn: raise it whenever `edgebench.data.shapes` draws any of them otherwise.
DRAWN_VERSION = 1

VOC_FOLDERS = ("VOCdevkit/VOC2007", "VOCdevkit/VOC2012")
COCO_FILES = ("annotations/instances_train2017.json", "annotations/instances_val2017.json")
COCO_FOLDERS = ("train2017", "val2017")
_MAX_LIST = 2**24  # bytes of a list of images; VOC's longest has 0.2 MB
_WANTED = {
    "voc": "VOCdevkit/VOC2007 (trainval and test) and VOCdevkit/VOC2012 (trainval)",
    "coco": "coco/annotations/instances_{train,val}2017.json, coco/train2017 and coco/val2017",
}


@dataclass(frozen=True)
class SceneSource:
    """Where a set of scenes is.

    Attributes:
        name: as asked for.
        root: the folder that its files are in; None for scenes that are drawn.
    """

    name: str
    root: Path | None


def locate(name: str) -> SceneSource:
    """Find the folder of a set: in the folder that `EDGEBENCH_DATA` names, then in the cache folder.

    Raises:
        DataError: it is missing or incomplete.
    """
    if name in DRAWN:
        return SceneSource(name, None)
    parts = VOC_FOLDERS if name == "voc" else (*COCO_FILES, *COCO_FOLDERS)
    searched = []
    for folder, through in places():
        for root in (folder / name, folder) if name == "voc" else (folder / name,):
            if any((root / part).exists() for part in parts):
                if missing := [part for part in parts if not (root / part).exists()]:
                    raise DataError(f"'{missing[0]}' is missing", expected=_WANTED[name], where=str(root))
                return SceneSource(name, root)
        searched.append(f"{folder} ({through})")
    raise MissingDataError(
        f"the scenes '{name}' are not here",
        expected=f"{_WANTED[name]} in {', '.join(searched)}",
        hint=f"unpack the official archives below a folder and set {DATA_VARIABLE} to it"
        + ("; or run `edgebench data fetch voc`" if name == "voc" else ""),
    )


def digest(settings: ScenesSettings) -> str:
    """SHA-256 (hex) of the content that a name stands for here.

    Raises:
        DataError: as `locate`, or a file cannot be read.
    """
    source = locate(settings.name)
    if source.root is None:
        return hashlib.sha256(f"edgebench {source.name} {DRAWN_VERSION}".encode()).hexdigest()
    return content_digest(source.root, source_files(source))


def source_files(source: SceneSource) -> tuple[Path, ...]:
    """Every file that decides what a set's scenes are: images, annotations, and lists of images.

    Raises:
        DataError: a list of images cannot be read.
    """
    assert source.root is not None
    if source.name == "coco":
        found = [source.root / file for file in COCO_FILES]
        for folder in COCO_FOLDERS:
            found += sorted((source.root / folder).glob("*.jpg"))
        return tuple(found)
    found = []
    for folder, split in VOC_SPLITS:
        root = source.root / "VOCdevkit" / folder
        found.append(_list_file(source.root, folder, split))
        for name in voc_names(source.root, folder, split):
            found += [root / "Annotations" / f"{name}.xml", root / "JPEGImages" / f"{name}.jpg"]
    return tuple(found)


def voc_names(root: Path, folder: str, split: str) -> tuple[str, ...]:
    """The names of the images of one of `VOC_SPLITS`, without ending.

    Raises:
        DataError: the list cannot be read, or has something that is not the name of a file.
    """
    listed = _list_file(root, folder, split)
    try:
        return tuple(file_name(name) for name in read_bytes(listed, _MAX_LIST).decode("utf-8").split())
    except ValueError as error:
        raise DataError(f"is not a list of images ({error})", where=str(listed)) from error


def _list_file(root: Path, folder: str, split: str) -> Path:
    return root / "VOCdevkit" / folder / "ImageSets" / "Main" / f"{split}.txt"


# Trained on: 2007 and 2012 trainval; tested on: 2007 test (section 4.1 of the NetAug paper).
VOC_SPLITS = (("VOC2007", "trainval"), ("VOC2012", "trainval"), ("VOC2007", "test"))
