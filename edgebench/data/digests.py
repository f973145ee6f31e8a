"""SHA-256 of files, remembered by their metadata so that planning does not read gigabytes again.

The memory is one small file per source in the cache folder. It is a convenience only: unreadable, damaged or
unwritable, the content is hashed instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from edgebench.data.cache import cache_folder
from edgebench.errors import DataError
from edgebench.writing import write_atomically

# A file may change twice within one tick of its file system's clock (two seconds on FAT), leaving size and
# times as they were; a digest of so young a file is therefore not remembered.
SETTLED_NS = 2_000_000_000

_HEX = re.compile(r"[0-9a-f]{64}")


def fingerprint(paths: Sequence[Path]) -> tuple[str, int]:
    """A digest of path, size, inode and times of each file, and the newest of the times (ns since 1970).

    The change time and inode are there because a copy that keeps modification times (`cp -p`, `rsync`) may
    replace a file by another of the same size.

    Raises:
        DataError: a file cannot be examined.
    """
    lines, newest = [], 0
    for path in paths:
        try:
            state = os.stat(path)
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from error
        newest = max(newest, state.st_mtime_ns, state.st_ctime_ns)
        lines.append(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ctime_ns}\0{state.st_ino}")
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest(), newest


def content_digest(root: Path, paths: Sequence[Path]) -> str:
    """SHA-256 (hex) of one file's bytes, or of the sorted names below `root` and digests of several.

    A single file's digest is what `sha256sum` prints, so that anyone can compare it.

    Raises:
        DataError: a file cannot be read.
    """
    before, newest = fingerprint(paths)
    key = f"{root}\0{len(paths)}\0{paths[0]}".encode("utf-8", "surrogateescape")
    remembered = cache_folder() / "digests" / f"{hashlib.sha256(key).hexdigest()[:32]}.json"
    known = _recall(remembered, before)
    if known is not None:
        return known
    if len(paths) == 1:
        digest = _hash_file(paths[0])
    else:
        total = hashlib.sha256()
        for name, path in sorted((path.relative_to(root).as_posix(), path) for path in paths):
            total.update(f"{name}\0{_hash_file(path)}\n".encode("utf-8", "surrogateescape"))
        digest = total.hexdigest()
    after, _ = fingerprint(paths)
    if after == before and time.time_ns() - newest > SETTLED_NS:
        _remember(remembered, before, digest)
    return digest


def _hash_file(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from error


def _recall(path: Path, state: str) -> str | None:
    try:
        stored = json.loads(path.read_text("utf-8"))
        digest = stored["digest"] if stored["fingerprint"] == state else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return digest if isinstance(digest, str) and _HEX.fullmatch(digest) else None


def _remember(path: Path, state: str, digest: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"fingerprint": state, "digest": digest}))
    except OSError:
        return  # An unwritable cache costs time, never correctness.
