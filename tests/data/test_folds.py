from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.settings import DataSettings
from edgebench.data.folds import folds, held_out
from edgebench.data.split import split
from edgebench.errors import DataError


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, int, int]:
    """Labels of a few classes, some of them smaller than the number of folds, and that number."""
    counts = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12).filter(lambda c: sum(c) >= 4))
    labels = np.repeat(np.arange(len(counts)) * 3, counts)
    np.random.default_rng(draw(st.integers(0, 999))).shuffle(labels)
    return labels, draw(st.integers(2, min(20, len(labels) // 2))), draw(st.integers(0, 2**63))


@given(cases())
def test_folds_are_disjoint_cover_everything_and_are_stratified(case: tuple[np.ndarray, int, int]) -> None:
    labels, count, seed = case
    parts = folds(labels, count, seed)
    assert len(parts) == count
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for part in parts:
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    for label in np.unique(labels):
        sizes = [int((labels[part] == label).sum()) for part in parts]
        assert max(sizes) - min(sizes) <= 1
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == [len(part) for part in folds(labels, count, seed ^ 1)]
    again = folds(labels.astype(np.uint8).tolist(), count, seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))


@given(cases(), st.data())
def test_training_and_validation_images_are_drawn_from_the_other_folds(
    case: tuple[np.ndarray, int, int], data: st.DataObject
) -> None:
    labels, count, seed = case
    fold = data.draw(st.integers(1, count))
    settings = DataSettings(name="x", folds=count, fold=fold)
    held = held_out(labels, settings, seed)
    assert held is not None
    assert np.array_equal(held, folds(labels, count, seed)[fold - 1])
    train, val = split(labels, settings, seed, held)
    assert sorted(np.concatenate([train, val, held]).tolist()) == list(range(len(labels)))
    others = len(labels) - len(held)
    assert len(val) == max(1, (others + 5) // 10)
    for label in np.unique(labels):
        rest = (labels == label).sum() - (labels[held] == label).sum()
        assert abs((labels[val] == label).sum() - rest * len(val) / others) < 1


def test_the_draw_is_the_same_on_every_platform() -> None:
    labels = np.arange(1000) % 10
    found = np.concatenate(folds(labels, 6, 7)).astype("<i8")
    assert hashlib.sha256(found.tobytes()).hexdigest()[:16] == "b0227cdc625ee1da"
    assert not np.array_equal(folds(labels, 6, 7)[0], folds(labels, 6, 8)[0])


def test_what_a_class_has_over_falls_to_no_fold_for_all_seeds() -> None:
    labels = np.repeat(np.arange(5), 7)  # 7 images in 6 folds: one of them gets two
    extra = {int(np.argmax([(labels[p] == 0).sum() for p in folds(labels, 6, seed)])) for seed in range(50)}
    assert len(extra) > 3


def test_without_a_fold_nothing_is_held_out() -> None:
    labels = np.arange(200) % 10
    for settings in (DataSettings(name="x"), DataSettings(name="x", folds=5)):
        assert held_out(labels, settings, 1) is None


def test_refuses_more_folds_than_images_and_more_images_than_the_other_folds_have() -> None:
    with pytest.raises(DataError, match=r"6 folds of 5 images.*\n?.*at least one"):
        held_out(np.zeros(5), DataSettings(name="x", folds=6, fold=1), 0)
    settings = DataSettings(name="x", folds=2, fold=1, train=10, val=1)
    labels = np.zeros(20)
    with pytest.raises(DataError, match="at most 10 together, which is all there are outside the fold"):
        split(labels, settings, 0, held_out(labels, settings, 0))
