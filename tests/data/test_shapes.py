from __future__ import annotations

import hashlib

import numpy as np
import pytest

from edgebench.data import shapes
from edgebench.data.shapes import CLASS_NAMES, SIDE, draw, grey


def test_a_scene_is_always_the_same_and_another_is_another() -> None:
    one, again, other = draw(7), draw(7), draw(8)
    assert np.array_equal(one.image, again.image)
    assert np.array_equal(one.boxes, again.boxes)
    assert not np.array_equal(one.image, other.image)


def test_scenes_are_the_ones_that_their_digest_speaks_of() -> None:
    """Objects exactly; pixels up to the rounding of sines and cosines, which differs between machines."""
    found = [draw(index) for index in range(20)]
    text = repr([(scene.boxes.tolist(), scene.labels.tolist()) for scene in found])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == OBJECTS, "raise DRAWN_VERSION in data/scenes.py"
    assert np.mean([scene.image.mean() for scene in found]) == pytest.approx(MEAN, abs=0.01)


OBJECTS, MEAN = "e982bc4e20d1f3fa", 126.1086


def test_objects_lie_within_the_image_and_all_classes_occur() -> None:
    found = [draw(index) for index in range(120)]
    for scene in found:
        assert scene.image.shape == (SIDE, SIDE, 3)
        assert scene.image.dtype == np.uint8
        assert len(scene.boxes) == len(scene.labels) <= 7
        left, top, right, bottom = scene.boxes.T
        assert (left >= 0).all()
        assert (left < right).all()
        assert (right <= SIDE).all()
        assert (top >= 0).all()
        assert (top < bottom).all()
        assert (bottom <= SIDE).all()
    labels = np.concatenate([scene.labels for scene in found])
    assert set(labels.tolist()) == set(range(len(CLASS_NAMES)))
    assert len(labels) > 2 * len(found)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("disc", (0.7, 0.7), (0.72, 0.72)), ("ring", (0, 0.7), (0, 0.5)), ("square", (0.8, -0.8), (0, 0.9)),
        ("frame", (0.8, 0), (0.4, 0.4)), ("triangle", (0, 0.95), (0.5, 0.5)), ("cross", (0.2, 0.9), (0.5, 0.5)),
        ("star", (0.95, 0.0), (-0.6, 0.0)), ("crescent", (-0.9, 0), (0.5, 0)),
    ],
)  # fmt: skip
def test_shapes(name: str, inside: tuple[float, float], outside: tuple[float, float]) -> None:
    def within(point: tuple[float, float]) -> bool:
        u, v = (np.array([value], float) for value in point)
        return bool(shapes._inside(name, u, v)[0])

    assert within(inside)
    assert not within(outside)


def test_the_star_has_five_equal_points() -> None:
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    reach = [shapes._inside("star", 0.6 * np.cos(a), 0.6 * np.sin(a)) for a in angles]
    edges = int(np.sum(np.diff(np.array([*reach, reach[0]], int)) == 1))
    assert edges == 5


def test_grey_is_luma() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8)
    assert grey(image)[0, :, 0].tolist() == [76, 150, 29, 9]
