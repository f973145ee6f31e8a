from __future__ import annotations

import os
import pickle
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from edgebench.claim.settings import DataSettings
from edgebench.data import prepared as module
from edgebench.data.prepared import Prepared, find, open_prepared, pack, prepare, unpack
from edgebench.data.source import digest
from edgebench.errors import DataError
from tests.data import fixtures

# Read before the fixtures of conftest.py hide it.
REAL_DATA = os.environ.get("EDGEBENCH_DATA", "")


def sets(cache: Path) -> list[Path]:
    return [path for path in (cache / "prepared").iterdir() if path.is_dir()]


def test_prepared_digits(cache: Path) -> None:
    settings = DataSettings(name="digits")
    digits = prepare(settings)
    assert digits.shape == (1, 8, 8)
    assert digits.classes == 10
    assert digits.digest == digest(settings)
    assert digits.train_images.dtype == np.uint8
    assert digits.train_labels.dtype == np.int64
    assert digits.test_images.shape == (500, 8, 8, 1)
    scaled = digits.train_images / 255
    assert digits.mean == pytest.approx([scaled.mean()], rel=1e-12)
    assert digits.std == pytest.approx([scaled.std()], rel=1e-12)
    for array in (digits.train_images, digits.test_labels):
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_every_layout(data: Path) -> None:
    fixtures.save(data / "a.npz", fixtures.plain())
    fixtures.save(data / "b.npz", fixtures.jpeg())
    fixtures.image_folder(data / "c")
    fixtures.idx_folder(data / "MNIST" / "raw")
    fixtures.cifar10_folder(data / "cifar-10-batches-py")
    shapes = {
        name: prepare(DataSettings(name=name)).train_images.shape
        for name in ("npz:a.npz", "npz:b.npz", "folder:c", "mnist", "cifar10")
    }
    assert shapes == {
        "npz:a.npz": (9, 6, 6, 3),
        "npz:b.npz": (9, 8, 8, 3),
        "folder:c": (9, 224, 224, 3),
        "mnist": (12, 7, 5, 1),
        "cifar10": (20, 32, 32, 3),
    }


def test_mean_and_deviation_per_channel(data: Path) -> None:
    arrays = fixtures.plain(train=50)
    arrays["train_images"][..., 2] = 51
    fixtures.save(data / "x.npz", arrays)
    prepared = prepare(DataSettings(name="npz:x.npz"))
    scaled = arrays["train_images"].reshape(-1, 3) / 255
    assert prepared.mean == pytest.approx(scaled.mean(0), rel=1e-12)
    assert prepared.std[:2] == pytest.approx(scaled.std(0)[:2], rel=1e-12)
    assert prepared.std[2] == 1.0  # constant: dividing by its deviation would make NaN


def test_it_is_decoded_once_for_each_size(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(DataSettings(name="digits"))
    prepare(DataSettings(name="digits", size=12))
    assert len(sets(cache)) == 2
    monkeypatch.setattr(module, "_read", lambda *_: pytest.fail("decoded again"))
    # How many images a trial draws changes nothing about the decoded set.
    assert prepare(DataSettings(name="digits", train=100, val=50)).shape == (1, 8, 8)
    assert prepare(DataSettings(name="digits", size=12)).shape == (1, 12, 12)


def test_other_content_is_another_set(data: Path) -> None:
    settings = DataSettings(name="npz:x.npz")
    fixtures.save(data / "x.npz", fixtures.plain())
    first = prepare(settings)
    fixtures.save(data / "x.npz", fixtures.plain(train=10))
    second = prepare(settings)
    assert (len(first.train_images), len(second.train_images)) == (9, 10)


def test_a_set_is_found_by_its_content_without_its_source(data: Path, cache: Path) -> None:
    settings = DataSettings(name="npz:x.npz")
    fixtures.save(data / "x.npz", fixtures.plain())
    content = digest(settings)
    assert find(settings, content) is None
    made = prepare(settings, content)
    (data / "x.npz").unlink()
    assert prepare(settings, content).folder == made.folder
    with pytest.raises(DataError, match=r"there is no 'x\.npz'"):
        prepare(settings)


def test_a_source_of_other_content_than_planned_is_refused(data: Path, cache: Path) -> None:
    settings = DataSettings(name="npz:x.npz")
    fixtures.save(data / "x.npz", fixtures.plain())
    planned = digest(settings)
    fixtures.save(data / "x.npz", fixtures.plain(train=10))
    with pytest.raises(DataError, match="changed after the run was planned; expected SHA-256 " + planned):
        prepare(settings, planned)
    assert not (cache / "prepared").exists()


def test_a_set_that_was_sent_is_the_set_that_was_decoded(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DataSettings(name="folder:c", size=12)
    fixtures.image_folder(data / "c")
    content = digest(settings)
    decoded = prepare(settings, content)
    sent = pickle.dumps(pack(settings, content), protocol=5)
    shutil.rmtree(data / "c")
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "elsewhere"))
    for _ in range(2):  # the second finds it there
        unpack(pickle.loads(sent), settings, content)
    received = prepare(settings, content)
    assert received.folder.parent == tmp_path / "elsewhere" / "prepared"
    for file in sorted(decoded.folder.iterdir()):
        assert (received.folder / file.name).read_bytes() == file.read_bytes()
    assert len(sets(tmp_path / "elsewhere")) == 1


def test_a_set_that_is_sent_is_not_copied_on_the_way() -> None:
    settings = DataSettings(name="digits")
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(pack(settings, digest(settings)), protocol=5, buffer_callback=buffers.append)
    assert len(head) < 2000
    assert len(buffers) == 4


def test_no_space_for_a_set_that_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DataSettings(name="digits")
    content = digest(settings)
    packed = pack(settings, content)
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "elsewhere"))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1000))
    with pytest.raises(DataError, match=r"no space for the decoded images .0 MiB needed, 0 MiB free"):
        unpack(packed, settings, content)
    assert sets(tmp_path / "elsewhere") == []


def test_pickling_maps_the_arrays_again() -> None:
    digits = prepare(DataSettings(name="digits"))
    sent = pickle.dumps(digits)
    assert len(sent) < 1000
    received = pickle.loads(sent)
    assert isinstance(received, Prepared)
    np.testing.assert_array_equal(received.train_images, digits.train_images)


@pytest.mark.parametrize("file", ["about.json", "train_images.npy", "test_labels.npy"])
@pytest.mark.parametrize("damage", ["missing", "short", "empty", "garbage"])
def test_a_damaged_set_is_made_again(cache: Path, file: str, damage: str) -> None:
    expected = np.array(prepare(DataSettings(name="digits")).train_images)
    (folder,) = sets(cache)
    path = folder / file
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"short": content[:-100], "empty": b"", "garbage": b"x" * len(content)}[damage])
    with pytest.raises(DataError, match="not a complete prepared dataset"):
        open_prepared(folder)
    np.testing.assert_array_equal(prepare(DataSettings(name="digits")).train_images, expected)
    assert sets(cache) == [folder]


def test_a_source_with_an_undecodable_image_leaves_nothing(data: Path, cache: Path) -> None:
    arrays = fixtures.jpeg()
    arrays["test_jpeg"] = arrays["test_jpeg"].copy()
    arrays["test_jpeg"][arrays["test_offsets"][3] :][:20] = 0
    fixtures.save(data / "x.npz", arrays)
    with pytest.raises(DataError, match="test image 3"):
        prepare(DataSettings(name="npz:x.npz"))
    assert sets(cache) == []


def test_a_source_that_changes_while_it_is_read(
    data: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures.save(data / "x.npz", fixtures.plain())
    decode = module._decode

    def meddle(*arguments: object) -> None:
        decode(*arguments)  # type: ignore[arg-type]
        fixtures.save(data / "x.npz", fixtures.plain(train=12))

    monkeypatch.setattr(module, "_decode", meddle)
    with pytest.raises(DataError, match="changed while it was read"):
        prepare(DataSettings(name="npz:x.npz"))
    assert sets(cache) == []


def test_a_disk_that_is_too_small_is_not_filled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1000))
    with pytest.raises(DataError, match=r"no space for the decoded images .0 MiB needed, 0 MiB free"):
        prepare(DataSettings(name="digits"))
    assert sets(cache) == []


@pytest.mark.skipif(not os.path.isfile(f"{REAL_DATA}/cifar10_jpeg.npz"), reason="needs EDGEBENCH_DATA")
def test_real_cifar10(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEBENCH_DATA", REAL_DATA)
    cifar = prepare(DataSettings(name="cifar10"))
    assert cifar.train_images.shape == (50_000, 32, 32, 3)
    assert cifar.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=5e-4)
