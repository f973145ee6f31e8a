"""Which images an image folder holds: `ROOT/train/<class>/*` and `ROOT/test/<class>/*` (or `val`)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import DataError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp"})
LAYOUT = "PATH/train/<class>/* and PATH/test/<class>/*"


@dataclass(frozen=True)
class Listing:
    """Images of a folder in a fixed order (by class, then file name).

    Attributes:
        root: the folder.
        class_names: names of the class folders, sorted; a label is an index into them.
        train, test: path relative to `root` (with `/`), and label, of every image.
    """

    root: Path
    class_names: tuple[str, ...]
    train: tuple[tuple[str, int], ...]
    test: tuple[tuple[str, int], ...]


def evaluation_folder(root: Path) -> str:
    """`test`, or `val` where there is no `test` (ImageNet publishes no test labels)."""
    return "val" if not os.path.isdir(root / "test") and os.path.isdir(root / "val") else "test"


def is_image_folder(root: Path) -> bool:
    return os.path.isdir(root / "train") and os.path.isdir(root / evaluation_folder(root))


def list_images(root: Path) -> Listing:
    """List the images under `root` without opening them.

    Raises:
        DataError: a split is missing, a class is empty, or the splits differ in their classes.
    """
    second = evaluation_folder(root)
    class_names = _classes(root, "train")
    found = _classes(root, second)
    if found != class_names:
        odd = sorted(set(found) ^ set(class_names))
        raise DataError(
            f"train and {second} do not have the same classes; '{odd[0]}' is in one of them only",
            expected=LAYOUT,
            where=str(root),
        )
    return Listing(root, class_names, _images(root, "train", class_names), _images(root, second, class_names))


def _classes(root: Path, split: str) -> tuple[str, ...]:
    try:
        with os.scandir(root / split) as entries:
            names = sorted(
                entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError as error:
        raise DataError(
            f"no readable '{split}' folder ({error.strerror})", expected=LAYOUT, where=str(root)
        ) from error
    if not names:
        raise DataError(f"'{split}' has no class folders", expected=LAYOUT, where=str(root))
    return tuple(names)


def _images(root: Path, split: str, class_names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    images: list[tuple[str, int]] = []
    for label, name in enumerate(class_names):
        try:
            with os.scandir(root / split / name) as entries:
                # Only regular files: opening a pipe or a device that someone named *.jpg would hang.
                files = sorted(
                    entry.name
                    for entry in entries
                    if os.path.splitext(entry.name)[1].lower() in EXTENSIONS
                    and not entry.name.startswith(".")
                    and entry.is_file()
                )
        except OSError as error:
            raise DataError(
                f"class '{name}' cannot be listed ({error.strerror})", where=str(root / split)
            ) from error
        if not files:
            raise DataError(
                f"class '{name}' has no images",
                expected=f"files ending in {', '.join(sorted(EXTENSIONS))}",
                where=str(root / split / name),
            )
        images += [(f"{split}/{name}/{file}", label) for file in files]
    return tuple(images)
