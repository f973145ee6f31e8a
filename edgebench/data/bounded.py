"""Reading whole files that may be anything: of a pipe no end comes, and a file may be larger than memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edgebench.errors import DataError


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        DataError: it is missing, cannot be read, is a pipe or the like, or is larger.
    """
    try:
        # Not blocking: opening a pipe would wait until somebody writes into it.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError("is not a regular file", where=str(path))
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot be read ({reason})", where=str(path)) from error
    if len(content) > limit:
        raise DataError("is larger than it can be", expected=f"at most {limit} bytes", where=str(path))
    return content


def file_name(name: object) -> str:
    """A name that stands for a file of the folder it is looked up in, and never leads out of it.

    Raises:
        ValueError: it is no text, empty, or has a separator in it.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or any(each in name for each in "/\\\0"):
        raise ValueError(f"{str(name)[:80]!r} is not the name of a file")
    return name
