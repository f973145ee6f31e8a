from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.settings import DataSettings
from edgebench.data.split import quota_table, split
from edgebench.errors import DataError


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[int], int | None, int | None, int]:
    counts = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12).filter(lambda c: sum(c) >= 2))
    total = sum(counts)
    val = draw(st.none() | st.integers(1, total - 1))
    held = val if val is not None else max(1, (total + 5) // 10)
    train = draw(st.none() | st.integers(1, total - held))
    return counts, train, val, draw(st.integers(0, 2**63))


@given(cases())
def test_disjoint_counted_stratified_and_deterministic(
    case: tuple[list[int], int | None, int | None, int],
) -> None:
    counts, train, val, seed = case
    total = sum(counts)
    # Class numbers need not be consecutive.
    labels = np.repeat(np.arange(len(counts)) * 3, counts)
    np.random.default_rng(seed % 1000).shuffle(labels)
    settings = DataSettings(name="x", train=train, val=val)
    train_indices, val_indices = split(labels, settings, seed)
    held = val if val is not None else max(1, (total + 5) // 10)
    assert len(val_indices) == held
    assert len(train_indices) == (train if train is not None else total - held)
    together = np.concatenate([train_indices, val_indices])
    assert len(np.unique(together)) == len(together)
    assert together.min() >= 0
    assert together.max() < total
    for part in (train_indices, val_indices):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        for label, count in enumerate(counts):
            exact = Fraction(count * len(part), total)
            assert abs((labels[part] == 3 * label).sum() - exact) < 1
    again = split(labels.astype(np.uint8), settings, seed)
    assert all(np.array_equal(a, b) for a, b in zip((train_indices, val_indices), again, strict=True))


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30).filter(any), st.data())
def test_quotas_keep_every_sum_and_round_every_cell(rows: list[int], data: st.DataObject) -> None:
    total = sum(rows)
    first = data.draw(st.integers(0, total))
    second = data.draw(st.integers(0, total - first))
    columns = [first, second, total - first - second]
    table = quota_table(rows, columns, np.random.PCG64(0))
    assert table.sum(1).tolist() == rows
    assert table.sum(0).tolist() == columns
    exact = np.outer(rows, columns) / total
    assert (np.abs(table - exact) < 1).all()


def test_what_rounding_each_column_by_itself_gets_wrong() -> None:
    # Two odd classes halve between the first two parts, two between the first and third.
    table = quota_table([2, 2, 2, 2], [3, 2, 3], np.random.PCG64(5))
    assert table.sum(0).tolist() == [3, 2, 3]
    assert table.max() == 1


def test_published_draws_stay_as_they_are() -> None:
    # Stored records depend on these; a change here is a change of the harness's semantics version.
    train, val = split(np.arange(30) % 3, DataSettings(name="x", train=9, val=6), seed=7)
    assert train.tolist() == [3, 11, 12, 13, 14, 21, 22, 25, 26]
    assert val.tolist() == [4, 6, 10, 20, 23, 24]


def test_seeds_differ_and_shares_follow_the_order_of_keys() -> None:
    labels = np.arange(1000) % 10
    draws = [split(labels, DataSettings(name="x"), seed)[1] for seed in (0, 1)]
    assert not np.array_equal(*draws)
    # A smaller training set shares its validation images with the larger one.
    small = split(labels, DataSettings(name="x", train=100), 0)
    np.testing.assert_array_equal(small[1], draws[0])


def test_the_uneven_images_do_not_always_come_from_the_first_classes() -> None:
    labels = np.repeat(np.arange(10), 5)
    extra = sum(
        np.bincount(labels[split(labels, DataSettings(name="x", val=5), s)[1]], minlength=10)
        for s in range(200)
    )
    assert isinstance(extra, np.ndarray)
    # Half of the classes give one image; each class in about 100 of 200 draws (standard deviation 7).
    assert 60 < extra.min() <= extra.max() < 140


@pytest.mark.parametrize(
    ("train", "val", "message"),
    [
        (91, 10, "91 training and 10 validation images were asked for; expected at most 100"),
        (95, None, r"95 training and 10 validation images \(a tenth by default\)"),
        (None, 100, "1 training and 100 validation"),
        (101, 1, "expected at most 100 together"),
    ],
)
def test_too_many(train: int | None, val: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(np.zeros(100, np.int64), DataSettings(name="x", train=train, val=val), 0)
