"""Whole files that may be anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgebench.data import scenes
from edgebench.data.annotated import read
from edgebench.data.bounded import file_name, read_bytes
from edgebench.data.scenes import SceneSource
from edgebench.errors import DataError
from tests.data import scene_fixtures


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(DataError, match="is larger than it can be; expected at most 4 bytes"):
        read_bytes(path, 4)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    for name, said in (
        ("pipe", "not a regular file"),
        (".", "cannot be read"),
        ("none", "cannot be read"),
        ("a\0", "cannot be read"),
    ):
        with pytest.raises(DataError, match=said):
            read_bytes(tmp_path / name, 9)
    with pytest.raises(DataError, match="not a regular file"):
        read_bytes(Path("/dev/zero"), 9)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "a\0", None, 5, ["x"]])
def test_names_that_lead_elsewhere(name: object) -> None:
    with pytest.raises(ValueError, match="is not the name of a file"):
        file_name(name)


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "/etc/passwd"])
def test_lists_and_annotations_do_not_lead_out_of_their_folders(tmp_path: Path, name: str) -> None:
    voc = SceneSource("voc", scene_fixtures.voc(tmp_path / "voc"))
    listed = tmp_path / "voc" / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main" / "test.txt"
    listed.write_text(f"{name}\n")
    for ask in (read, scenes.source_files):
        with pytest.raises(DataError, match="is not a list of images"):
            ask(voc)
    root = scene_fixtures.coco(tmp_path) / "coco"
    path = root / "annotations" / "instances_val2017.json"
    path.write_text(path.read_text().replace("val0.jpg", name))
    with pytest.raises(DataError, match=r"is no annotation of COCO.*not the name of a file"):
        read(SceneSource("coco", root))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"categories": [5]}', '{"categories": [{"id": 1e999, "name": 1}]}']
)
def test_annotations_of_any_other_kind(tmp_path: Path, text: str) -> None:
    root = scene_fixtures.coco(tmp_path) / "coco"
    (root / "annotations" / "instances_val2017.json").write_text(text)
    with pytest.raises(DataError, match="is no annotation of COCO"):
        read(SceneSource("coco", root))


def test_entities_neither_grow_nor_read_files(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(10)
    )
    outside = '<!DOCTYPE a [<!ENTITY k SYSTEM "file:///etc/passwd">'
    root = scene_fixtures.voc(tmp_path)
    for head in (bomb, outside):
        path = root / "VOCdevkit" / "VOC2007" / "Annotations" / "000001.xml"
        path.write_text(f"{head}]><annotation><size><width>&k;</width></size></annotation>")
        with pytest.raises(DataError, match="is no annotation of Pascal VOC"):
            read(SceneSource("voc", root))
