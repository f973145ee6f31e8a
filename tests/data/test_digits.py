"""The embedded digits are scikit-learn's, divided once and for all."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from edgebench.data.npz import read_npz
from edgebench.data.source import DIGITS

TOOL = Path(__file__).parents[2] / "tools" / "make_digits.py"


def test_shape_range_and_stratification() -> None:
    raw = read_npz(DIGITS)
    assert raw.train.shape == (1297, 8, 8, 1)
    assert raw.test.shape == (500, 8, 8, 1)
    assert raw.class_names == tuple("0123456789")
    train = raw.train.array()
    assert (train.min(), train.max()) == (0, 255)
    per_class = np.bincount(raw.train.labels) / (np.bincount(raw.train.labels) + np.bincount(raw.test.labels))
    assert np.abs(per_class - 1297 / 1797).max() < 1 / 170


def test_the_file_is_small_and_unchanged() -> None:
    content = DIGITS.read_bytes()
    assert len(content) < 100_000
    # Stored records name this digest: another file is another dataset.
    assert hashlib.sha256(content).hexdigest() == (
        "6d84986aa6a18f9ee10937f1afd33b825487be20b3d81caf8083fde2a4001039"
    )


def test_together_they_are_all_of_scikit_learns_digits() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    loaded = datasets.load_digits()
    raw = read_npz(DIGITS)
    images = np.concatenate([raw.train.array(), raw.test.array()])[..., 0]
    labels = np.concatenate([raw.train.labels, raw.test.labels])
    ours = sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    expected = np.floor(loaded.images * 255 / 16 + 0.5).astype(np.uint8)
    assert ours == sorted((i.tobytes(), t) for i, t in zip(expected, loaded.target, strict=True))


def test_the_tool_makes_the_committed_arrays() -> None:
    pytest.importorskip("sklearn.datasets")
    spec = importlib.util.spec_from_file_location("make_digits", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    with np.load(DIGITS) as committed:
        made = tool.digits()
        assert set(made) == set(committed.files)
        for name, array in made.items():
            np.testing.assert_array_equal(array, committed[name])
