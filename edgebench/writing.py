"""Writes files as a whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, at any moment, sees the old file or the new one; text as UTF-8.

    A full disk or a kill leaves what was there. Links are followed; permissions stay those of the old file,
    or are those of any new one. What is no regular file (`/dev/stdout`, a pipe) is written to as it is.

    Raises:
        OSError: when it cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = path.resolve()  # the file that a link leads to is replaced, not the link
    try:
        before = path.stat()
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        path.write_bytes(data)
        return
    if before is not None and not os.access(path, os.W_OK):
        path.open("ab").close()  # a file that is protected from writing stays so: raises
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.chmod(temporary, _new_mode() if before is None else stat.S_IMODE(before.st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # so that the name never outlives the content
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # it would hide the first error
            os.unlink(temporary)
        raise


def _new_mode() -> int:
    """The permissions of a new file; `mkstemp` gives those of a secret one."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask
