from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.data.annotated import COUNTED, CROWD, DIFFICULT, VOC_CLASSES, read
from edgebench.data.scenes import SceneSource
from edgebench.errors import DataError
from tests.data import scene_fixtures


def test_voc(tmp_path: Path) -> None:
    found = read(SceneSource("voc", scene_fixtures.voc(tmp_path)))
    assert [each.path.stem for each in found.train] == ["000001", "000002", "2012_000001"]
    assert [each.path.stem for each in found.test] == ["000003"]
    assert found.class_names == VOC_CLASSES
    assert len(VOC_CLASSES) == 20
    dog, person = found.train[0].objects
    # Pixels 1 to 20 of 40, and 1 to 10 of 20.
    assert (dog.box, VOC_CLASSES[dog.label], dog.flag) == ((0, 0, 0.5, 0.5), "dog", COUNTED)
    assert (person.box, person.flag) == ((0.5, 0.5, 1, 1), DIFFICULT)
    assert found.train[1].objects == ()


def test_coco(tmp_path: Path) -> None:
    found = read(SceneSource("coco", scene_fixtures.coco(tmp_path) / "coco"))
    assert found.class_names == ("person", "car")  # by number
    car, person = found.train[0].objects
    assert (car.box, car.label) == ((0.25, 0.25, 0.75, 0.75), 1)
    assert (person.box, person.label, person.flag) == ((0, 0, 0.1, 0.1), 0, COUNTED)
    assert found.train[1].objects == ()
    assert found.test[0].objects[1].flag == CROWD


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<name>dog", "<name>dragon", "no class 'dragon'"), ("<xmin>1<", "<xmin>30<", "the box"),
        ("<width>40</width>", "", "size/width"), ("<annotation>", "", "is no annotation"),
        ("<xmax>20", "<xmax>nan", "the box"),
    ],
)  # fmt: skip
def test_broken_annotations_of_voc(tmp_path: Path, old: str, new: str, said: str) -> None:
    scene_fixtures.voc(tmp_path)
    path = tmp_path / "VOCdevkit" / "VOC2007" / "Annotations" / "000001.xml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=said) as caught:
        read(SceneSource("voc", tmp_path))
    assert "000001.xml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"bbox": [10', '"box": [10'),
        ('"category_id": 3', '"category_id": 4'),
        ("{", ""),
        ('"width": 40', '"width": 0'),
    ],
)
def test_broken_annotations_of_coco(tmp_path: Path, old: str, new: str) -> None:
    root = scene_fixtures.coco(tmp_path) / "coco"
    path = root / "annotations" / "instances_train2017.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match="is no annotation of COCO") as caught:
        read(SceneSource("coco", root))
    assert path.name in str(caught.value)
