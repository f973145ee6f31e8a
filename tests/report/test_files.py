"""Files that a command is asked to write: refused before the work, and left as they were by asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import ExportError
from edgebench.report.files import claimed, write


def test_asking_changes_nothing_but_the_folders_above(tmp_path: Path) -> None:
    there, link, new = tmp_path / "there", tmp_path / "link", tmp_path / "a" / "b" / "new"
    there.touch()
    link.symlink_to("/dev/null")
    for path in (there, link, new):
        assert claimed(path) == path
    assert there.is_file(), "an empty file of somebody's"
    assert link.is_symlink(), "such as /dev/stdout"
    assert list(new.parent.iterdir()) == []
    assert claimed(tmp_path / "folder", folder=True).is_dir()


def test_what_cannot_be_written_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="is a folder; expected a file"):
        claimed(tmp_path)
    for refused in (lambda path: claimed(path), lambda path: write(path, "text")):
        with pytest.raises(ExportError, match=r"cannot be written: .* \(choose another place\)"):
            refused(tmp_path / "file" / "x")


def test_writes_as_it_stands(tmp_path: Path) -> None:
    write(tmp_path / "x", "é\r\n")
    assert (tmp_path / "x").read_bytes() == "é\r\n".encode()
