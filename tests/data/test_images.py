from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from edgebench.data.images import FORMATS, decode, fit
from edgebench.errors import DataError


@pytest.mark.parametrize(("width", "height", "size"), [(40, 30, 16), (30, 40, 16), (33, 33, 8), (10, 13, 24)])
def test_fit_is_resize_and_centre_crop(width: int, height: int, size: int) -> None:
    # Smooth, so that the two orders of rounding cannot differ by much.
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)], -1).astype(
        np.uint8
    )
    ours = np.asarray(fit(Image.fromarray(smooth), size)).astype(int)
    tensor = torch.from_numpy(smooth).permute(2, 0, 1)
    theirs = functional.center_crop(functional.resize(tensor, [size], antialias=True), [size, size])
    difference = np.abs(ours - theirs.permute(1, 2, 0).numpy().astype(int))
    assert difference.mean() < 6
    assert difference.max() < 20


def test_an_extreme_aspect_ratio_stays_small() -> None:
    assert fit(Image.new("RGB", (60_000, 1)), 224).size == (224, 224)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_mode_becomes_three_channels(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("x.tiff" if mode == "CMYK" else "x.png")
    Image.new(mode, (5, 4)).save(path)
    array = decode(path, what="x", where=tmp_path, colour=True, size=None, formats=FORMATS)
    assert array.shape == (4, 5, 3)


def test_a_palette_with_transparency_is_decoded_without_a_warning(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4))
    image.info["transparency"] = bytes(range(4))
    image.save(tmp_path / "x.png", transparency=bytes(range(4)))
    assert decode(
        tmp_path / "x.png", what="x", where=tmp_path, colour=True, size=2, formats=FORMATS
    ).shape == (2, 2, 3)


def test_postscript_is_not_an_accepted_format(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (4, 4)).save(path, "EPS")
    with pytest.raises(DataError, match=r"x cannot be decoded .not an image in an accepted format"):
        decode(path, what="x", where=tmp_path, colour=True, size=None, formats=FORMATS)
