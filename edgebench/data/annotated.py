"""Readers of annotated scenes: what an image's file is, how large it is, and which objects are where in it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from edgebench.data.bounded import file_name, read_bytes
from edgebench.data.scenes import COCO_FILES, COCO_FOLDERS, VOC_SPLITS, SceneSource, voc_names
from edgebench.errors import DataError
from edgebench.printable import harmless

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable"),
    *("dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)

# The largest annotations published have some 10 kB of XML (VOC) and 450 MB of JSON (COCO).
_MAX_XML, _MAX_JSON = 2**20, 2**30

# What an object counts for. A difficult one is neither asked for nor held against a detector that finds it; a crowd
# likewise, and it is found by whatever lies within it.
COUNTED, DIFFICULT, CROWD = range(3)


@dataclass(frozen=True)
class Annotation:
    """One object.

    Attributes:
        box: left, top, right and bottom, as shares of the image's width and height.
        label: its class.
        flag: what it counts for.
    """

    box: tuple[float, float, float, float]
    label: int
    flag: int


@dataclass(frozen=True)
class Annotated:
    """An image on disk and its objects."""

    path: Path
    objects: tuple[Annotation, ...]


@dataclass(frozen=True)
class AnnotatedSet:
    """Training and test images with their objects."""

    train: tuple[Annotated, ...]
    test: tuple[Annotated, ...]
    class_names: tuple[str, ...]


def read(source: SceneSource) -> AnnotatedSet:
    """The annotations of a set; its images are not opened.

    Raises:
        DataError: an annotation is missing, damaged, or names what there is not.
    """
    assert source.root is not None
    return _coco(source.root) if source.name == "coco" else _voc(source.root)


def _voc(root: Path) -> AnnotatedSet:
    """Pascal VOC (Everingham et al. 2010): 2007 and 2012 trainval to train on, 2007 test to test on."""
    parts = []
    for folder, split in VOC_SPLITS:
        year = root / "VOCdevkit" / folder
        names = voc_names(root, folder, split)
        parts.append(
            [
                _voc_image(year / "JPEGImages" / f"{name}.jpg", year / "Annotations" / f"{name}.xml")
                for name in names
            ]
        )
    return AnnotatedSet(tuple(parts[0] + parts[1]), tuple(parts[2]), VOC_CLASSES)


def _voc_image(image: Path, described: Path) -> Annotated:
    try:
        # expat itself refuses entities that grow without bounds, and nothing resolves those of other files.
        top = ElementTree.fromstring(read_bytes(described, _MAX_XML))
        width, height = (_number(top, f"size/{side}") for side in ("width", "height"))
        objects = tuple(_voc_object(each, width, height) for each in top.iterfind("object"))
    except (
        ElementTree.ParseError,
        ValueError,
        LookupError,
        RecursionError,
    ) as error:  # LookupError: an encoding
        raise DataError(f"is no annotation of Pascal VOC ({error})", where=str(described)) from error
    return Annotated(image, objects)


def _voc_object(node: ElementTree.Element, width: float, height: float) -> Annotation:
    # Pixels count from 1, and the last one belongs to the box.
    left, top = (_number(node, f"bndbox/{side}") - 1 for side in ("xmin", "ymin"))
    right, bottom = (_number(node, f"bndbox/{side}") for side in ("xmax", "ymax"))
    name = (node.findtext("name") or "").strip()
    if name not in VOC_CLASSES:
        raise ValueError(f"there is no class '{name}'")
    flag = DIFFICULT if (node.findtext("difficult") or "0").strip() == "1" else COUNTED
    return _annotation((left, top, right, bottom), (width, height), VOC_CLASSES.index(name), flag)


def _number(node: ElementTree.Element, path: str) -> float:
    text = node.findtext(path)
    if text is None:
        raise ValueError(f"it lacks {path}")
    return float(text)


def _coco(root: Path) -> AnnotatedSet:
    """COCO 2017 (Lin et al. 2014), from its own JSON: train2017 to train on, val2017 to test on."""
    parts, names = [], []
    for file, folder in zip(COCO_FILES, COCO_FOLDERS, strict=True):
        try:
            content = json.loads(read_bytes(root / file, _MAX_JSON).decode("utf-8"))
            categories = sorted(
                (int(each["id"]), harmless(str(each["name"]))) for each in content["categories"]
            )
            names.append(tuple(name for _, name in categories))
            parts.append(tuple(_coco_images(content, root / folder, [number for number, _ in categories])))
        # Any of its parts may be of another type, or a number beyond every float.
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise DataError(f"is no annotation of COCO ({error!r})", where=str(root / file)) from error
    if names[0] != names[1]:
        raise DataError("training and test images have different classes", where=str(root))
    return AnnotatedSet(parts[0], parts[1], names[0])


def _coco_images(content: dict[str, Any], folder: Path, categories: list[int]) -> Iterator[Annotated]:
    labels = {number: label for label, number in enumerate(categories)}
    objects: dict[int, list[dict[str, Any]]] = {}
    for each in content["annotations"]:
        objects.setdefault(each["image_id"], []).append(each)
    for image in content["images"]:
        size = (float(image["width"]), float(image["height"]))
        found = []
        for each in objects.get(image["id"], ()):
            x, y, width, height = map(float, each["bbox"])
            if width > 0 and height > 0:  # a few have no extent
                flag = CROWD if each.get("iscrowd") else COUNTED
                box = (x, y, x + width, y + height)
                found.append(_annotation(box, size, labels[each["category_id"]], flag))
        yield Annotated(folder / file_name(image["file_name"]), tuple(found))


def _annotation(
    box: tuple[float, float, float, float], size: tuple[float, float], label: int, flag: int
) -> Annotation:
    left, top, right, bottom = box
    width, height = size
    if not all(map(math.isfinite, (*box, *size))) or not (left < right and top < bottom) or min(size) <= 0:
        raise ValueError(f"the box {box} in an image of {size}")
    # A box may reach over the edge by a pixel.
    ends = (left / width, top / height, right / width, bottom / height)
    return Annotation(tuple(min(1.0, max(0.0, end)) for end in ends), label, flag)  # type: ignore[arg-type]
