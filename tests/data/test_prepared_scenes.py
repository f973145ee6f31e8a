from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebench.claim.detection import ScenesSettings
from edgebench.data import prepared_scenes, shapes
from edgebench.data.annotated import CROWD, DIFFICULT
from edgebench.data.prepared_scenes import prepare_scenes
from edgebench.data.scenes import digest
from edgebench.errors import DataError
from tests.data import scene_fixtures


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shapes, "TRAIN", 70)  # more than one chunk
    monkeypatch.setattr(shapes, "TEST", 3)
    return tmp_path


def test_drawn_scenes(data: Path) -> None:
    settings = ScenesSettings(name="shapes", size=shapes.SIDE)
    found = prepare_scenes(settings)
    assert found.shape == (3, 128, 128)
    assert (len(found.train.ends), len(found.test.ends), found.classes) == (70, 3, 8)
    assert found.digest == digest(settings)
    for part, number, index in ((found.train, 65, 65), (found.test, 71, 1)):
        scene = shapes.draw(number)
        first, last = part.ends[index - 1], part.ends[index]
        assert np.array_equal(part.images[index], scene.image)
        assert np.array_equal(part.boxes[first:last], scene.boxes)
        assert np.array_equal(part.labels[first:last], scene.labels)
    scaled = found.train.images / 255
    assert found.mean == pytest.approx(scaled.mean((0, 1, 2)), rel=1e-9)
    assert found.std == pytest.approx(scaled.std((0, 1, 2)), rel=1e-9)


def test_the_same_scenes_smaller_and_in_grey(data: Path) -> None:
    large, small = (prepare_scenes(ScenesSettings(name="shapes", size=size)) for size in (128, 32))
    assert np.allclose(large.train.boxes, 4 * small.train.boxes)
    assert large.train.images.mean() == pytest.approx(small.train.images.mean(), abs=0.5)
    plain = prepare_scenes(ScenesSettings(name="shapes-grey", size=128))
    assert plain.shape == (1, 128, 128)
    assert np.array_equal(plain.train.images[3], shapes.grey(shapes.draw(3).image))


def test_they_are_made_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ScenesSettings(name="shapes-grey", size=32)
    first = prepare_scenes(settings)
    monkeypatch.setattr(prepared_scenes, "_parts", lambda *_: pytest.fail("made again"))
    again = prepare_scenes(settings.model_copy(update={"train": 5}), first.digest)
    assert again.folder == first.folder


def test_damaged_ones_are_made_again(data: Path) -> None:
    settings = ScenesSettings(name="shapes-grey", size=32)
    folder = prepare_scenes(settings).folder
    (folder / "train_labels.npy").write_bytes(b"")
    assert len(prepare_scenes(settings).train.labels) > 0


def test_voc_is_stretched_and_keeps_difficult_objects(data: Path) -> None:
    scene_fixtures.voc(data)
    found = prepare_scenes(ScenesSettings(name="voc", size=64))
    assert found.shape == (3, 64, 64)
    assert found.train.ends.tolist() == [2, 2, 4]
    assert found.train.boxes[:2].tolist() == [[0, 0, 32, 32], [32, 32, 64, 64]]
    assert found.train.flags[:2].tolist() == [0, DIFFICULT]
    assert (abs(found.train.images.astype(int) - 120) <= 2).all()


def test_coco(data: Path) -> None:
    scene_fixtures.coco(data)
    found = prepare_scenes(ScenesSettings(name="coco", size=32))
    assert found.class_names == ("person", "car")
    assert found.train.ends.tolist() == [2, 2]
    assert found.test.flags.tolist() == [0, CROWD]


def test_other_content_than_planned_and_images_that_do_not_decode(data: Path) -> None:
    scene_fixtures.voc(data)
    settings = ScenesSettings(name="voc", size=32)
    with pytest.raises(DataError, match="changed after the run was planned"):
        prepare_scenes(settings, "0" * 64)
    (data / "VOCdevkit" / "VOC2007" / "JPEGImages" / "000001.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"000001\.jpg cannot be decoded"):
        prepare_scenes(settings)
