from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebench.claim.settings import DataSettings
from edgebench.data import raw as raw_module
from edgebench.data.prepared import Prepared, find, open_prepared, pack, prepare, unpack
from edgebench.data.source import digest
from edgebench.data.split import split
from edgebench.errors import DataError
from tests.data import fixtures


def some(name: str, *classes: int, **options: Any) -> DataSettings:
    return DataSettings(name=name, classes=classes, **options)


def check_subset(subset: Prepared, full: Prepared, classes: tuple[int, ...]) -> None:
    """Images, labels, names and statistics are those of the full set's images of these classes, in their order."""
    parts = (
        (subset.train_images, subset.train_labels, full.train_images, full.train_labels),
        (subset.test_images, subset.test_labels, full.test_images, full.test_labels),
    )
    for images, labels, all_images, all_labels in parts:
        kept = np.isin(all_labels, classes)
        np.testing.assert_array_equal(images, all_images[kept])
        np.testing.assert_array_equal(labels, [classes.index(label) for label in all_labels[kept]])
        assert labels.dtype == np.int64
    assert subset.class_names == tuple(full.class_names[label] for label in classes)
    assert subset.digest == full.digest
    scaled = subset.train_images.reshape(-1, subset.shape[0]) / 255
    assert subset.mean == pytest.approx(scaled.mean(0), rel=1e-12)
    assert subset.std == pytest.approx(scaled.std(0), rel=1e-12)


@pytest.mark.parametrize("classes", [(0, 1), (3, 5, 9), tuple(range(10))])
def test_some_digits(classes: tuple[int, ...]) -> None:
    full = prepare(DataSettings(name="digits"))
    subset = prepare(some("digits", *classes))
    assert subset.classes == len(classes)
    check_subset(subset, full, classes)


def test_every_layout(data: Path) -> None:
    fixtures.save(data / "a.npz", fixtures.plain())
    fixtures.save(data / "b.npz", fixtures.jpeg())
    fixtures.image_folder(data / "c")
    fixtures.idx_folder(data / "MNIST" / "raw")
    fixtures.cifar10_folder(data / "cifar-10-batches-py")
    cases: list[tuple[str, int | None, tuple[int, int]]] = [
        ("npz:a.npz", None, (1, 2)),
        ("npz:b.npz", 5, (0, 2)),
        ("folder:c", 12, (1, 2)),
        ("mnist", None, (1, 4)),
        ("cifar10", 8, (5, 6)),
    ]
    for name, size, classes in cases:
        full = prepare(DataSettings(name=name, size=size))
        check_subset(prepare(some(name, *classes, size=size)), full, classes)


def test_images_that_come_in_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    full = prepare(DataSettings(name="digits"))
    # Seven images a chunk: some chunks have no image of the two classes.
    monkeypatch.setattr(raw_module, "CHUNK_BYTES", 7 * 64)
    check_subset(prepare(some("digits", 4, 7)), full, (4, 7))


def test_each_choice_is_a_set_of_its_own(cache: Path) -> None:
    choices = [None, (0, 1), (0, 1, 2), (1, 2), (0, 12), (0, 1, 12), tuple(range(1000))]
    settings = [DataSettings(name="digits", classes=choice) for choice in choices]
    found = [prepare(each) for each in (settings[0], *settings[1:4])]
    assert len({each.folder for each in found}) == 4
    assert len(list((cache / "prepared").glob("*.lock"))) == 4
    # How many images a trial draws changes nothing about the set.
    assert prepare(some("digits", 0, 1, train=30, val=10)).folder == found[1].folder
    assert find(settings[3], digest(settings[3])) is not None
    assert all(find(each, digest(each)) is None for each in settings[4:])
    assert len(found[1].folder.name) < 100


def test_a_set_without_a_choice_keeps_its_name(cache: Path) -> None:
    settings = DataSettings(name="digits")
    assert prepare(settings).folder == cache / "prepared" / f"{digest(settings)[:40]}-native-v1"


def test_it_is_split_by_its_new_numbers() -> None:
    settings = some("digits", 2, 3, 8, train=90, val=30)
    subset = prepare(settings)
    train, val = split(subset.train_labels, settings, seed=0)
    counts = [np.bincount(subset.train_labels[part], minlength=3) for part in (train, val)]
    assert [part.sum() for part in counts] == [90, 30]
    assert all(part.min() >= part.sum() // 3 - 3 for part in counts)


def test_it_is_sent_to_a_machine_without_the_source(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures.save(data / "x.npz", fixtures.plain())
    settings = some("npz:x.npz", 0, 2)
    content = digest(settings)
    made = prepare(settings, content)
    sent = pickle.dumps(pack(settings, content), protocol=5)
    shutil.rmtree(data)
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "elsewhere"))
    unpack(pickle.loads(sent), settings, content)
    assert find(DataSettings(name="npz:x.npz"), content) is None
    received = prepare(settings, content)
    assert received.class_names == made.class_names == ("ant", "cat")
    assert (received.mean, received.std) == (made.mean, made.std)
    np.testing.assert_array_equal(open_prepared(received.folder).train_images, made.train_images)


@pytest.mark.parametrize("classes", [(0, 10), (3, 17, 21)])
def test_a_number_that_is_no_class(cache: Path, classes: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="the dataset has 10; expected numbers from 0 to 9") as caught:
        prepare(some("digits", *classes))
    assert f"names the class {classes[1]}," in str(caught.value)
    assert [path for path in (cache / "prepared").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(("part", "words"), [("train", "training"), ("test", "test")])
def test_a_class_without_images(data: Path, part: str, words: str) -> None:
    arrays = fixtures.plain()
    arrays[f"{part}_labels"] = np.where(arrays[f"{part}_labels"] == 1, 0, arrays[f"{part}_labels"])
    fixtures.save(data / "x.npz", arrays)
    with pytest.raises(DataError, match=rf"x\.npz: the class 1 \('bee'\) has no {words} images"):
        prepare(some("npz:x.npz", 0, 1))
    assert prepare(some("npz:x.npz", 0, 2)).classes == 2
