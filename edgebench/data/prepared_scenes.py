"""Scenes decoded or drawn once into memory-mapped arrays, which all worker processes share through the page cache.

A prepared set is a folder `<cache>/scenes/<digest>-<size>` of .npy files and `about.json`, built once
(`edgebench.data.building`). Images are stretched to a square: the overlap of two boxes, by which detections are
judged, is the same before and after.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgebench.data import annotated, shapes
from edgebench.data.building import build_once, check_space
from edgebench.data.cache import cache_folder
from edgebench.data.channels import ChannelSums
from edgebench.data.images import FORMATS, decode
from edgebench.data.raw import Images, Labels
from edgebench.data.scenes import DRAWN, SceneSource, digest, locate
from edgebench.errors import DataError

if TYPE_CHECKING:
    from edgebench.claim.detection import ScenesSettings

# Part of the folder's name: raise it when decoding or the files' layout change.
VERSION = 1
_CHUNK = 64  # scenes written at a time


@dataclass(frozen=True, eq=False)
class ScenePart:
    """Training or test scenes, memory-mapped and read-only.

    Attributes:
        images: uint8 [N, S, S, C].
        boxes: float32 [M, 4]: left, top, right, bottom, pixels; of the first image's objects, then the second's, ….
        labels: int64 [M].
        flags: uint8 [M], what each object counts for (`edgebench.data.annotated`).
        ends: int64 [N]: objects up to and with each image's.
    """

    images: Images
    boxes: npt.NDArray[np.float32]
    labels: Labels
    flags: npt.NDArray[np.uint8]
    ends: Labels


@dataclass(frozen=True, eq=False)
class Scenes:
    """A prepared set.

    Attributes:
        folder: where its arrays are.
        class_names: K names; a label is an index into them.
        digest: SHA-256 of the source.
        mean, std: per channel over all training images, for pixels scaled to 0..1 (population deviation).
    """

    folder: Path
    train: ScenePart
    test: ScenePart
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
        _, height, width, channels = self.train.images.shape
        return channels, height, width


_Objects = list[tuple[tuple[float, float, float, float], int, int]]  # box as shares of the sides, label, flag


def prepare_scenes(settings: ScenesSettings, content: str | None = None) -> Scenes:
    """The scenes of `settings` (its name and size; `train` and `val` are a trial's to draw), made once.

    Args:
        settings: which set.
        content: SHA-256 that the source must have.

    Raises:
        DataError: the source is missing or damaged, or is not `content`; the cache folder is not writable, the disk is
            full.
    """
    if content is not None and (known := _try_open(_folder(settings, content))) is not None:
        return known
    source, found = locate(settings.name), digest(settings)
    if content is not None and found != content:
        raise DataError(
            f"the content of '{settings.name}' changed after the run was planned",
            expected=f"SHA-256 {content}",
            hint="run the same command again",
        )

    def write(folder: Path) -> None:
        names, parts = _parts(source, settings.size)
        channels = 1 if source.name == "shapes-grey" else 3
        sums = ChannelSums(channels)
        for part, (count, scenes) in parts.items():
            shape = (count, settings.size, settings.size, channels)
            check_space(count * settings.size**2 * channels, folder)
            _write(folder, part, shape, scenes, sums if part == "train" else None)
        about = {"class_names": names, "digest": found, "mean": sums.mean(), "std": sums.std()}
        (folder / "about.json").write_text(json.dumps(about, indent=1), "utf-8")

    return build_once(_folder(settings, found), write, _try_open)


def _folder(settings: ScenesSettings, content: str) -> Path:
    return cache_folder() / "scenes" / f"{content[:40]}-{settings.size}-v{VERSION}"


def _parts(
    source: SceneSource, size: int
) -> tuple[tuple[str, ...], dict[str, tuple[int, Iterable[tuple[Images, _Objects]]]]]:
    if source.name in DRAWN:
        grey = source.name == "shapes-grey"
        ranges = {"train": range(shapes.TRAIN), "test": range(shapes.TRAIN, shapes.TRAIN + shapes.TEST)}
        return shapes.CLASS_NAMES, {
            part: (len(numbers), _drawn(numbers, size, grey=grey)) for part, numbers in ranges.items()
        }
    found = annotated.read(source)
    return found.class_names, {
        part: (len(images), _decoded(images, size))
        for part, images in (("train", found.train), ("test", found.test))
    }


def _drawn(numbers: range, size: int, *, grey: bool) -> Iterator[tuple[Images, _Objects]]:
    for number in numbers:
        scene = shapes.draw(number)
        image = shapes.grey(scene.image) if grey else scene.image
        boxes = (scene.boxes / shapes.SIDE).tolist()
        objects = [
            ((left, top, right, bottom), label, annotated.COUNTED)
            for (left, top, right, bottom), label in zip(boxes, scene.labels.tolist(), strict=True)
        ]
        yield _stretched(image, size), objects


def _decoded(images: Iterable[annotated.Annotated], size: int) -> Iterator[tuple[Images, _Objects]]:
    for each in images:
        what = each.path.name
        image = decode(each.path, what=what, where=each.path, colour=True, size=None, formats=FORMATS)
        yield _stretched(image, size), [(found.box, found.label, found.flag) for found in each.objects]


def _stretched(image: Images, size: int) -> Images:
    """uint8 [H, W, C] to [size, size, C], bilinear and antialiased."""
    if image.shape[:2] == (size, size):
        return image
    plane = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    resized = np.asarray(plane.resize((size, size), Image.Resampling.BILINEAR))
    return resized.reshape(size, size, image.shape[2])


def _write(
    folder: Path,
    part: str,
    shape: tuple[int, int, int, int],
    scenes: Iterable[tuple[Images, _Objects]],
    sums: ChannelSums | None,
) -> None:
    objects: _Objects = []
    ends: list[int] = []
    waiting: list[Images] = []
    # Written, not memory-mapped: on a full disk a write is an error, a store into a mapping kills the process.
    with open(folder / f"{part}_images.npy", "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for image, found in scenes:
            objects += found
            ends.append(len(objects))
            waiting.append(image)
            if len(waiting) == _CHUNK or len(ends) == shape[0]:
                chunk = np.stack(waiting)
                file.write(chunk.data)
                if sums is not None:
                    sums.add(chunk)
                waiting = []
        file.flush()
        os.fsync(file.fileno())  # So that the rename never outlives the content.
    assert len(ends) == shape[0], f"{part}: {len(ends)} of {shape[0]} scenes"
    boxes = np.array([box for box, _, _ in objects], np.float64).reshape(-1, 4) * shape[1]
    np.save(folder / f"{part}_boxes.npy", boxes.astype(np.float32))
    np.save(folder / f"{part}_labels.npy", np.array([label for _, label, _ in objects], np.int64))
    np.save(folder / f"{part}_flags.npy", np.array([flag for _, _, flag in objects], np.uint8))
    np.save(folder / f"{part}_ends.npy", np.array(ends, np.int64))


def _try_open(folder: Path) -> Scenes | None:
    try:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        names, mean, std = (tuple(about[key]) for key in ("class_names", "mean", "std"))
        train, test = (_open_part(folder, part) for part in ("train", "test"))
        return Scenes(folder, train, test, names, about["digest"], mean, std)
    except Exception:  # np.load raises many types on damaged headers; whatever it is, the set is made again
        return None


def _open_part(folder: Path, part: str) -> ScenePart:
    arrays: dict[str, Any] = {
        name: np.load(folder / f"{part}_{name}.npy", mmap_mode="r" if name == "images" else None)
        for name in ("images", "boxes", "labels", "flags", "ends")
    }
    if len(arrays["images"]) != len(arrays["ends"]) or len(arrays["boxes"]) != len(arrays["labels"]):
        raise ValueError("arrays of different scenes")
    return ScenePart(**arrays)
