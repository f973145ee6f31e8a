"""Files that are written as a whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from edgebench.writing import write_atomically


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_atomically(tmp_path / "a" / "b.txt", "Maß\r\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "Maß\r\n".encode()
    write_atomically(tmp_path / "a" / "b.txt", b"\x00\x01")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\x00\x01"
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["b.txt"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_text("before")

    def fails(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(os, failing, fails)
    with pytest.raises(type(error)):
        write_atomically(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.umask(0o027)
    try:
        write_atomically(path, "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    write_atomically(path, "y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"


def test_what_is_no_regular_file_is_written_to() -> None:
    write_atomically(Path("/dev/null"), "x")
    assert not Path("/dev/null").is_file()
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space left"):
            write_atomically(Path("/dev/full"), "x")


def test_a_protected_file_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o400)

    def refused(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        if os.access(path, os.W_OK):  # the superuser may write everywhere
            patch.setattr(os, "access", lambda *_: False)
            patch.setattr(Path, "open", refused)
        with pytest.raises(PermissionError):
            write_atomically(path, "after")
    assert path.read_text() == "before"
