"""Drawn scenes with objects in boxes: an embedded stand-in for Pascal VOC, made from a fixed seed.

Each scene has a textured background, bars that are no objects, and up to seven shapes of varied size, colour, rotation
and proportion, which may overlap and leave the image. It is made of the raw stream of PCG64 alone, seeded by the
scene's index, so that it does not depend on how many others are drawn, nor on numpy's version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.data.raw import Images

CLASS_NAMES = ("disc", "ring", "square", "frame", "triangle", "cross", "star", "crescent")
SIDE = 128  # pixels, as drawn
TRAIN, TEST = 3000, 500

_SEED = 20220211
_GREY = (0.299, 0.587, 0.114)  # luma, as in JPEG
_OBJECTS, _BARS = 7, 5

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """An image and its objects.

    Attributes:
        image: uint8 [SIDE, SIDE, 3].
        boxes: int64 [n, 4]: left, top, right, bottom, in pixels; the smallest that hold each object within the image.
        labels: int64 [n], indices into `CLASS_NAMES`.
    """

    image: Images
    boxes: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


def draw(index: int) -> Scene:
    """The scene of a number; the training set has the first `TRAIN`, the test set the `TEST` after them."""
    bits = np.random.PCG64(np.random.SeedSequence((_SEED, index)))
    image = _background(bits)
    taken = np.zeros((SIDE, SIDE), bool)
    for u in _uniform(bits, (_BARS, 8)):
        # As long as an object is wide, and thin.
        place = _Place(u[0] * SIDE, u[1] * SIDE, 6 + 24 * u[2], 2 * np.pi * u[3], 0.1 + 0.15 * u[4])
        _paint(image, place, "bar", 255 * u[5:8], 0.6, bits)
    count = 1 + int(_uniform(bits, (1,))[0] * _OBJECTS)
    drawn = _uniform(bits, (count, 12))
    # Large ones first, so that a small one never lies wholly behind another.
    drawn = drawn[np.argsort(-drawn[:, 2], kind="stable")]
    boxes, labels = [], []
    for u in drawn:
        radius = 9 * (34 / 9) ** u[2]
        place = _Place(u[0] * SIDE, u[1] * SIDE, radius, 2 * np.pi * u[3], 0.6 + 0.4 * u[4])
        label = int(u[5] * len(CLASS_NAMES))
        mask, left, top = _mask(place, CLASS_NAMES[label])
        window = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
        # Most of an object lies within the image, and not on others.
        if mask.sum() < 0.6 * _AREAS[label] * radius**2 * place.aspect or (taken[window] & mask).sum() > (
            0.3 * mask.sum()
        ):
            continue
        colour = 255 * u[6:9]
        under = image[window][mask].mean(0)
        # At least so far from what it lies on, in the mean over the channels.
        colour = np.where(abs(colour - under).mean() < 50, (under + 127.5) % 255, colour)
        _blend(image, window, mask, colour, 0.7 + 0.3 * u[9], 40 * u[10], bits)
        taken[window] |= mask
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        boxes.append((left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1))
        labels.append(label)
    strength = 10 + 20 * _uniform(bits, (1,))[0]
    noise: Any = bits.random_raw(image.size // 8)
    # A byte for each value, in the order of little-endian machines.
    image += (noise.astype("<u8").view(np.uint8).reshape(image.shape) - 127.5) * (strength / 255)
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return Scene(pixels, np.array(boxes, np.int64).reshape(-1, 4), np.array(labels, np.int64))


def grey(image: Images) -> Images:
    """Luma of an image, uint8 [H, W, 3] to [H, W, 1]."""
    luma: Images = np.rint(image @ np.array(_GREY)).astype(np.uint8)
    return luma[:, :, None]


@dataclass(frozen=True)
class _Place:
    """Centre, radius (pixels), rotation and proportion of a shape."""

    x: float
    y: float
    radius: float
    angle: float
    aspect: float


def _uniform(bits: np.random.PCG64, shape: tuple[int, ...]) -> Floats:
    """Uniform in [0, 1): 53 bits of the raw stream each, which numpy keeps as it is for good."""
    raw: Any = bits.random_raw(shape)
    return np.asarray((raw >> np.uint64(11)) * 2.0**-53)


def _background(bits: np.random.PCG64) -> Floats:
    """A gradient between two colours, cloudy, with stripes; float [SIDE, SIDE, 3] in 0..255."""
    u = _uniform(bits, (14,))
    first, second = 40 + 175 * u[0:3], 40 + 175 * u[3:6]
    ticks = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    across = ticks * np.cos(2 * np.pi * u[6]) + ticks[:, None] * np.sin(2 * np.pi * u[6]) + 0.5
    waves = 2 * np.pi * (4 + 24 * u[8])
    right = waves * ticks * np.cos(2 * np.pi * u[7])
    down = (waves * ticks * np.sin(2 * np.pi * u[7]) + 2 * np.pi * u[10])[:, None]
    # The sine of a sum, of which only the ends need be computed.
    stripes = 25 * u[9] * (np.sin(right) * np.cos(down) + np.cos(right) * np.sin(down))
    # Clouds: noise on a coarse grid, linear between its points.
    grid = 80 * u[11] * (_uniform(bits, (3, 9, 9)) - 0.5)
    linear = np.maximum(0, 1 - abs(np.linspace(0, 8, SIDE)[:, None] - np.arange(9)))
    planes = linear @ grid @ linear.T + stripes
    planes += (second - first)[:, None, None] * across + first[:, None, None]
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _inside(shape: str, u: Floats, v: Floats) -> Mask:
    """Whether points, in units of the radius, lie in a shape."""
    r2 = u * u + v * v
    wide = np.maximum(abs(u), abs(v))
    match shape:
        case "disc":
            return np.asarray(r2 <= 1)
        case "ring":
            return np.asarray((r2 <= 1) & (r2 > 0.35))
        case "square":
            return np.asarray(wide <= 0.85)
        case "frame":
            return np.asarray((wide <= 0.9) & (wide > 0.5))
        case "triangle":
            return np.asarray((v >= -0.5) & (v <= 1 - np.sqrt(3) * abs(u)))
        case "cross":
            return np.asarray((np.minimum(abs(u), abs(v)) <= 0.3) & (wide <= 1))
        case "star":
            # Five points of radius 1, notches of radius 0.45: the edge is a straight line within each tenth.
            angle = abs((np.arctan2(v, u) % (2 * np.pi / 5)) - np.pi / 5)
            x, y = np.sqrt(r2) * np.cos(angle), np.sqrt(r2) * np.sin(angle)
            tip_x, tip_y = np.cos(np.pi / 5), np.sin(np.pi / 5)
            return np.asarray((x - 0.45) * tip_y - y * (tip_x - 0.45) <= 0)
        case "crescent":
            return np.asarray((r2 <= 1) & ((u - 0.5) ** 2 + v * v > 0.6))
        case _:  # bar
            return np.asarray(wide <= 1)


def _areas() -> tuple[float, ...]:
    ticks = np.linspace(-1, 1, 201)
    return tuple(4 * float(_inside(name, ticks[None], ticks[:, None]).mean()) for name in CLASS_NAMES)


_AREAS = _areas()  # of each shape, in squares of its radius


def _mask(place: _Place, shape: str) -> tuple[Mask, int, int]:
    """The pixels of a shape in the smallest window that could hold it, and the window's left and top."""
    reach = place.radius * 1.45  # a square's corners
    left, top = max(0, int(place.x - reach)), max(0, int(place.y - reach))
    right, bottom = min(SIDE, int(place.x + reach) + 1), min(SIDE, int(place.y + reach) + 1)
    x = (np.arange(left, right) + 0.5 - place.x) / place.radius
    y = ((np.arange(top, bottom) + 0.5 - place.y) / place.radius)[:, None]
    cos, sin = np.cos(place.angle), np.sin(place.angle)
    return _inside(shape, x * cos + y * sin, (y * cos - x * sin) / place.aspect), left, top


def _paint(
    image: Floats, place: _Place, shape: str, colour: Floats, cover: float, bits: np.random.PCG64
) -> None:
    mask, left, top = _mask(place, shape)
    window = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
    _blend(image, window, mask, colour, cover, 0.0, bits)


def _blend(
    image: Floats,
    window: tuple[slice, slice],
    mask: Mask,
    colour: Floats,
    cover: float,
    shade: float,
    bits: np.random.PCG64,
) -> None:
    """Lay a colour over the pixels of a mask, in place, brighter on one side by `shade` grey levels."""
    direction = 2 * np.pi * _uniform(bits, (1,))[0]
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    slope = (columns / width - 0.5) * np.cos(direction) + (rows / height - 0.5) * np.sin(direction)
    under = image[window]
    under[rows, columns] = (1 - cover) * under[rows, columns] + cover * (colour + shade * slope[:, None])
