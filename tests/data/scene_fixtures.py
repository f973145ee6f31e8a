"""Tiny sets in the official layouts of Pascal VOC and COCO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def image(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 120, np.uint8)).save(path)


def voc_xml(width: int, height: int, objects: list[tuple[str, int, int, int, int, int]]) -> str:
    """Objects: name, xmin, ymin, xmax, ymax, difficult."""
    each = "".join(
        f"<object><name>{name}</name><difficult>{hard}</difficult><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for name, a, b, c, d, hard in objects
    )
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation>{size}{each}</annotation>"


def voc(root: Path) -> Path:
    """Two training images of 2007, one of 2012, one test image; returns the folder to name as data."""
    listed = {
        ("VOC2007", "trainval"): ["000001", "000002"],
        ("VOC2007", "test"): ["000003"],
        ("VOC2012", "trainval"): ["2012_000001"],
    }
    for (year, split), names in listed.items():
        base = root / "VOCdevkit" / year
        lists = base / "ImageSets" / "Main"
        lists.mkdir(parents=True, exist_ok=True)
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        (base / "Annotations").mkdir(exist_ok=True)
        for name in names:
            image(base / "JPEGImages" / f"{name}.jpg", 40, 20)
            objects = [("dog", 1, 1, 20, 10, 0), ("person", 21, 11, 40, 20, 1)]
            objects = objects if name != "000002" else []
            (base / "Annotations" / f"{name}.xml").write_text(voc_xml(40, 20, objects))
    return root


def coco(root: Path) -> Path:
    """Two training images, one without objects, and a test image with a crowd; returns the folder to name as data."""
    categories = [{"id": 3, "name": "car"}, {"id": 1, "name": "person"}]
    for part, count in (("train", 2), ("val", 1)):
        images = [
            {"id": 10 + index, "file_name": f"{part}{index}.jpg", "width": 40, "height": 20}
            for index in range(count)
        ]
        for each in images:
            image(root / "coco" / f"{part}2017" / str(each["file_name"]), 40, 20)
        annotations: list[dict[str, Any]] = [
            {"image_id": 10, "category_id": 3, "bbox": [10, 5, 20, 10], "iscrowd": 0},
            {"image_id": 10, "category_id": 1, "bbox": [0, 0, 4, 2], "iscrowd": int(part == "val")},
            {"image_id": 10, "category_id": 1, "bbox": [3, 3, 0, 2], "iscrowd": 0},
        ]
        content = {"images": images, "annotations": annotations, "categories": categories}
        path = root / "coco" / "annotations" / f"instances_{part}2017.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return root
