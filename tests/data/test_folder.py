from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgebench.data.folder import read_folder
from edgebench.errors import DataError
from tests.data import fixtures


def test_classes_are_sorted_and_images_brought_to_size(tmp_path: Path) -> None:
    raw = read_folder(fixtures.image_folder(tmp_path / "x"), size=10)
    assert raw.class_names == ("ant", "bee", "cat")
    assert raw.train.shape == (9, 10, 10, 3)
    assert raw.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert raw.test.labels.tolist() == [0, 1, 2]
    # The PNG of each class is its first image, untouched.
    np.testing.assert_array_equal(raw.train.array()[3], fixtures.noise(3, 10, seed=1)[0])


def test_default_size(tmp_path: Path) -> None:
    assert read_folder(fixtures.image_folder(tmp_path / "x")).train.array().shape == (9, 224, 224, 3)


def test_val_stands_in_for_test(tmp_path: Path) -> None:
    assert read_folder(fixtures.image_folder(tmp_path / "x", second="val"), 8).test.shape[0] == 3


def test_other_files_are_ignored(tmp_path: Path) -> None:
    root = fixtures.image_folder(tmp_path / "x")
    (root / "train" / ".hidden").mkdir()
    (root / "train" / "ant" / ".DS_Store").touch()
    (root / "train" / "ant" / "._0.png").touch()
    (root / "train" / "ant" / "notes.txt").touch()
    os.mkfifo(root / "train" / "ant" / "pipe.png")
    assert len(read_folder(root, 8).train.labels) == 9


def test_faults(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable 'train' folder"):
        read_folder(tmp_path / "absent")
    root = fixtures.image_folder(tmp_path / "x")
    (root / "test" / "dog").mkdir()
    with pytest.raises(DataError, match="'dog' is in one of them only"):
        read_folder(root)
    (root / "test" / "dog").rmdir()
    (root / "train" / "ant" / "1.jpeg").write_bytes(b"\xff\xd8 not much of a JPEG")
    with pytest.raises(DataError, match=r"train/ant/1.jpeg cannot be decoded"):
        read_folder(root, 8).train.array()
    for file in (root / "test" / "ant").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="class 'ant' has no images"):
        read_folder(root)
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match="'train' has no class folders"):
        read_folder(tmp_path / "empty")
