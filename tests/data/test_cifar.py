from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebench.data.cifar import read_cifar
from edgebench.data.source import locate
from edgebench.errors import DataError
from tests.data import fixtures


def test_cifar10_in_its_official_format(data: Path) -> None:
    fixtures.cifar10_folder(data / "cifar-10-batches-py")
    raw = read_cifar(locate("cifar10").paths)
    assert raw.train.shape == (20, 32, 32, 3)
    assert raw.class_names[3] == "class 3"
    expected = np.concatenate([fixtures.cifar_images(4, seed) for seed in range(5)])
    np.testing.assert_array_equal(raw.train.array(), expected)
    assert raw.train.labels.tolist() == [(seed + i) % 10 for seed in range(5) for i in range(4)]
    np.testing.assert_array_equal(raw.test.array(), fixtures.cifar_images(3, 5))
    assert read_cifar(locate("cifar10").paths, size=16).train.array().shape == (20, 16, 16, 3)


def test_cifar100_with_its_fine_labels(data: Path) -> None:
    fixtures.cifar100_folder(data / "cifar-100-python")
    raw = read_cifar(locate("cifar100").paths)
    assert len(raw.class_names) == 100
    assert raw.class_names[7] == "fine 7"
    assert raw.train.labels.tolist() == [99, 98, 97, 96, 95, 94]
    np.testing.assert_array_equal(raw.test.array(), fixtures.cifar_images(2, 1))


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({b"labels": [0]}, "'data' is NoneType"),
        ({b"labels": [0], b"data": b"bytes"}, "'data' is bytes"),
        ({b"labels": [0], b"data": np.zeros((1, 3071), np.uint8)}, r"'data' is of shape \(1, 3071\)"),
        ({b"data": np.zeros((1, 3072), np.uint8)}, "'labels' is not a list of integers"),
        ({b"labels": [b"0"], b"data": np.zeros((1, 3072), np.uint8)}, "'labels' is not a list of integers"),
        ({b"labels": [0, 1], b"data": np.zeros((1, 3072), np.uint8)}, "has 2 labels for 1 images"),
        ({b"labels": [10], b"data": np.zeros((1, 3072), np.uint8)}, "label 10 at index 0"),
    ],
)
def test_faulty_batches(data: Path, batch: dict[bytes, Any], message: str) -> None:
    folder = fixtures.cifar10_folder(data / "cifar-10-batches-py")
    (folder / "data_batch_2").write_bytes(fixtures.python2_pickle(batch))
    with pytest.raises(DataError, match=message) as caught:
        read_cifar(locate("cifar10").paths)
    assert caught.value.where == str(folder / "data_batch_2")


@pytest.mark.parametrize("meta", [{}, {b"label_names": []}, {b"label_names": [1]}, {b"label_names": b"x"}])
def test_faulty_names(data: Path, meta: dict[bytes, Any]) -> None:
    folder = fixtures.cifar10_folder(data / "cifar-10-batches-py")
    (folder / "batches.meta").write_bytes(fixtures.python2_pickle(meta))
    with pytest.raises(DataError, match="has no list of class names"):
        read_cifar(locate("cifar10").paths)
