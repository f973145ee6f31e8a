"""Decoding one image, and bringing it to a size, with Pillow.

Pillow and `torchvision.io.decode_jpeg` give the same pixels; on 32 px images Pillow is slightly faster
(22,000 against 20,000 images/s on one thread), on 112 px slightly slower (5,200 against 6,800), and it needs
no torch.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from edgebench.data.raw import Images
from edgebench.errors import DataError

# The largest picture decoded: a few bytes of header can claim 65,535 x 65,535 pixels.
MAX_PIXELS = 2**26

# No format whose decoder starts another program (EPS) or that this package does not document.
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")


def decode(
    data: bytes | Path,
    *,
    what: str,
    where: Path,
    colour: bool | None,
    size: int | None,
    formats: tuple[str, ...],
) -> Images:
    """Decode to uint8 [H, W, C].

    Args:
        data: an encoded image, or the file that holds it.
        what: which image this is, for the error ("train image 17").
        where: the file it comes from, for the error.
        colour: True for 3 channels, False for 1, None for whatever the image has.
        size: pixels a side of the result (see `fit`); None leaves the image as it is.
        formats: Pillow's names of the formats to accept.

    Raises:
        DataError: unreadable, truncated, of another format, or too large.
    """
    try:
        with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data, formats=formats) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DataError(
                    f"{what} claims {width}x{height} pixels",
                    expected=f"at most {MAX_PIXELS}",
                    where=str(where),
                )
            grey = image.mode == "L" if colour is None else not colour
            array = np.asarray(fit(_convert(image, "L" if grey else "RGB"), size))
    except DataError:
        raise
    except Exception as error:  # Decoders raise OSError, SyntaxError, struct.error and more on damaged input.
        reason = str(error) if isinstance(data, bytes) else str(error).replace(str(data), "it")
        # An unidentified image names the in-memory buffer by its address, which helps nobody.
        reason = "not an image in an accepted format" if "cannot identify" in reason else reason
        raise DataError(
            f"{what} cannot be decoded ({reason})", expected=" or ".join(formats), where=str(where)
        ) from error
    return array[:, :, None] if array.ndim == 2 else array


def fit(image: Image.Image, size: int | None) -> Image.Image:
    """The central square of `image`, resized to `size` x `size` (bilinear, antialiased).

    This is "resize the shorter side, then crop the centre" in one step, which an extreme aspect ratio cannot
    turn into a gigantic intermediate image.
    """
    if size is None or image.size == (size, size):
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode:
        return image
    # Pillow warns when transparency in a palette is dropped at once.
    return (image.convert("RGBA") if image.mode in ("P", "PA") else image).convert(mode)


def resize_all(images: Images, size: int) -> Images:
    """`fit` each of uint8 [n, H, W, C] images: [n, size, size, C]."""
    if images.shape[1:3] == (size, size):
        return images
    resized = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for index, image in enumerate(images):
        square = np.asarray(fit(Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image), size))
        resized[index] = square.reshape(resized.shape[1:])
    return resized
