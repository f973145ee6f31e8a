"""Folders that many processes want and one of them fills, whole or absent whatever happens to it.

A folder is filled under a temporary name and renamed into place. Processes that need the same one wait for the first
of them (a file lock, which the system releases when its holder dies).
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from edgebench.data.cache import CACHE_VARIABLE
from edgebench.errors import DataError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

T = TypeVar("T")


def build_once(folder: Path, write: Callable[[Path], None], opened: Callable[[Path], T | None]) -> T:
    """What `folder` holds, filled first if no process has done so yet.

    Args:
        folder: its final name.
        write: fills the (temporary) folder that it is given.
        opened: the content of a whole folder; None when it is missing or damaged.

    Raises:
        DataError: the cache folder is not writable, the disk is full, what was written is not whole.
    """
    found = opened(folder)
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_name(f"{folder.name}.lock")) as alone:
            found = opened(folder)  # Another process may have built it while this one waited.
            if found is None:
                if alone:
                    _remove_leftovers(folder)
                _build(folder, write, opened)
                found = opened(folder)
    except OSError as error:
        raise _cannot_write(error, folder.parent) from error
    if found is None:
        raise DataError(
            "cannot be read back after it was written", where=str(folder), hint="check the disk it is on"
        )
    return found


def check_space(need: int, folder: Path) -> None:
    """Refuse to begin what cannot end: `need` bytes in `folder`.

    Raises:
        DataError: there are fewer.
    """
    free = shutil.disk_usage(folder).free
    if need > free:
        raise _full(f"{need / 2**20:.0f} MiB needed, {free / 2**20:.0f} MiB free", folder.parent)


def _build(folder: Path, write: Callable[[Path], None], opened: Callable[[Path], object]) -> None:
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.tmp-"))
    try:
        os.chmod(temporary, 0o755)  # mkdtemp makes it private, but a cache may be shared.
        write(temporary)
        if folder.exists():  # It did not open, so it is damaged: out of the way, in one step.
            os.rename(folder, temporary / "damaged")
        os.rename(temporary, folder)
        shutil.rmtree(folder / "damaged", ignore_errors=True)
    except OSError:
        # Where locks do not work, another process may have finished first; its folder is as good.
        if opened(folder) is None:
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Wait for, and hold, the right to build; False where the platform or file system has no locks."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover (Windows)
        yield False
        return
    with open(path, "w") as file:
        locked = False
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
            locked = True
        yield locked


def _remove_leftovers(folder: Path) -> None:
    """Remove what builders that were killed left behind; only the holder of the lock may."""
    for leftover in folder.parent.glob(f"{folder.name}.tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _full(detail: str, folder: Path) -> DataError:
    return DataError(
        f"no space for the decoded images ({detail})",
        where=str(folder),
        hint=f"free some, or set {CACHE_VARIABLE} to a folder on a larger disk",
    )


def _cannot_write(error: OSError, folder: Path) -> DataError:
    if error.errno in _FULL:
        return _full(error.strerror or str(error), folder)
    return DataError(
        f"the cache folder cannot be written ({error.strerror or error})",
        expected="a writable folder",
        where=str(folder),
        hint=f"set {CACHE_VARIABLE} to one",
    )
