from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.detection import ScenesSettings
from edgebench.data.scenes import digest, locate
from edgebench.errors import DataError, MissingDataError
from tests.data import scene_fixtures


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_drawn_scenes_are_nowhere_and_differ_by_their_channels() -> None:
    assert locate("shapes").root is None
    colour, grey = (digest(ScenesSettings(name=name)) for name in ("shapes", "shapes-grey"))
    assert colour != grey
    assert colour == digest(ScenesSettings(name="shapes", size=64, train=10))


@pytest.mark.parametrize("name", ["voc", "coco"])
def test_a_digest_speaks_of_images_and_annotations(data: Path, name: str) -> None:
    (scene_fixtures.voc if name == "voc" else scene_fixtures.coco)(data)
    settings = ScenesSettings.model_validate({"name": name})
    before = digest(settings)
    assert before == digest(settings)
    changed = next(data.rglob("*.jpg"))
    changed.write_bytes(changed.read_bytes() + b"\0")
    assert digest(settings) != before


def test_voc_may_have_a_folder_of_its_own(data: Path) -> None:
    scene_fixtures.voc(data / "voc")
    assert locate("voc").root == data / "voc"


def test_missing_sets_say_what_to_do(data: Path) -> None:
    with pytest.raises(MissingDataError, match="the scenes 'coco' are not here") as caught:
        locate("coco")
    assert "train2017" in str(caught.value)
    assert "EDGEBENCH_DATA" in str(caught.value)


def test_incomplete_sets_say_what_is_missing(data: Path) -> None:
    scene_fixtures.coco(data)
    (data / "coco" / "annotations" / "instances_val2017.json").unlink()
    with pytest.raises(DataError, match=r"instances_val2017\.json' is missing"):
        locate("coco")
    scene_fixtures.voc(data)
    (data / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main" / "test.txt").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        digest(ScenesSettings(name="voc"))
