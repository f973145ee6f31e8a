"""Files that a command is asked to write: a clear error before the work if they cannot be written, and at once."""

from __future__ import annotations

from pathlib import Path

from edgebench.claim.problems import display_path
from edgebench.errors import ExportError
from edgebench.writing import write_atomically


def claimed(path: Path, *, folder: bool = False) -> Path:
    """The path, with the folders above it made.

    Args:
        folder: a folder is to be written, which is made too.

    Raises:
        ExportError: when nothing can be written there.
    """
    try:
        (path if folder else path.parent).mkdir(parents=True, exist_ok=True)
        if not folder:
            if path.is_dir():
                raise ExportError("is a folder", expected="a file", where=display_path(path))
            is_new = not (path.exists() or path.is_symlink())
            path.open("ab").close()
            if is_new:
                path.unlink()
    except OSError as error:
        raise _unwritten(path, error) from None
    return path


def write(path: Path, text: str | bytes) -> None:
    """Write a file, text as UTF-8; one that was there is replaced when the new one is complete.

    Raises:
        ExportError: when it cannot be written.
    """
    try:
        write_atomically(path, text)
    except OSError as error:
        raise _unwritten(path, error) from None


def _unwritten(path: Path, error: OSError) -> ExportError:
    return ExportError(
        f"cannot be written: {error.strerror or error}", where=display_path(path), hint="choose another place"
    )
