from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from edgebench.data.idx import CLASS_NAMES, read_array, read_idx
from edgebench.data.source import locate
from edgebench.errors import DataError
from tests.data import fixtures


@pytest.mark.parametrize("zipped", [False, True])
def test_official_files(data: Path, zipped: bool) -> None:
    fixtures.idx_folder(data / "MNIST" / "raw", zipped)
    raw = read_idx(locate("mnist").paths, CLASS_NAMES["mnist"])
    assert raw.train.shape == (12, 7, 5, 1)
    expected = np.random.default_rng(0).integers(0, 256, (12, 7, 5), np.uint8)
    np.testing.assert_array_equal(raw.train.array()[..., 0], expected)
    assert raw.test.labels.tolist() == [0, 1, 2, 3, 4]
    resized = read_idx(locate("mnist").paths, CLASS_NAMES["mnist"], size=9)
    assert resized.test.array().shape == resized.test.shape == (5, 9, 9, 1)


def test_both_families_have_ten_classes() -> None:
    assert {name: len(set(classes)) for name, classes in CLASS_NAMES.items()} == {
        "mnist": 10,
        "fashion-mnist": 10,
    }


GOOD = fixtures.idx(np.arange(12).reshape(2, 3, 2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (GOOD[:3], "begins with 000008; expected 00000803"),
        (GOOD[:-1], r"stores 11 bytes for the shape \(2, 3, 2\); expected 12"),
        (GOOD + b"x", "stores 13 bytes"),
        (b"\0\0\x0d\x03" + GOOD[4:], "begins with 00000d03"),
        (fixtures.idx(np.arange(3)), "begins with 00000801; expected 00000803"),
        (fixtures.idx(np.zeros((0, 3, 2))), "and some"),
        (GOOD[:4] + b"\xff" * 12 + b"x", "stores 1 bytes"),
    ],
)
def test_faulty_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_array(tmp_path / "x", 3)


def test_faulty_gzip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(GOOD)[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        read_array(path, 3)
    path.write_bytes(GOOD)
    with pytest.raises(DataError, match="cannot be read"):
        read_array(path, 3)
    monkeypatch.setattr("edgebench.data.idx.LIMIT_BYTES", 1000)
    path.write_bytes(gzip.compress(bytes(100_000)))
    with pytest.raises(DataError, match="more than 1000 bytes"):
        read_array(path, 3)


def test_labels_beyond_the_classes(data: Path) -> None:
    root = fixtures.idx_folder(data / "MNIST" / "raw")
    (root / "t10k-labels-idx1-ubyte").write_bytes(fixtures.idx(np.array([0, 1, 10, 3, 4])))
    with pytest.raises(DataError, match="label 10 at index 2"):
        read_idx(locate("mnist").paths, CLASS_NAMES["mnist"])
