"""The archive has one form for what it holds: nothing else is read, and any zip program reads it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.errors import EvidenceError
from edgebench.evidence import archive
from edgebench.evidence.archive import pack, read, unpack

NAMES = st.from_regex(r"[a-z][a-z0-9._-]{0,8}(/[a-z][a-z0-9._-]{0,8}){0,2}", fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=6))
def test_what_is_packed_is_unpacked_and_other_programs_read_it(members: dict[str, bytes]) -> None:
    packed = pack(members)
    assert unpack(packed, "x") == dict(sorted(members.items()))
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == members


@given(st.binary(max_size=200), st.integers(0, 200))
@settings(max_examples=200)
def test_anything_else_is_refused_by_one_error(noise: bytes, at: int) -> None:
    packed = pack({"a.json": b"{}", "b/c.txt": b"text"})
    for content in (noise, packed[:at] + noise, noise + packed, packed + (noise or b"\0"), packed[:at]):
        if content != packed:
            with pytest.raises(EvidenceError):
                unpack(content, "x")


def test_the_same_members_give_the_same_bytes() -> None:
    assert pack({"a": b"1", "b": b"2"}) == pack({"b": b"2", "a": b"1"})


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "a\\b",
        "C:/x",
        ".hidden",
        "a/",
        "",
        "a\n",
        "é",
        "x" * 201,
        "a/b" * 9,
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(EvidenceError, match="cannot be called"):
        pack({name: b""})
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as opened:
        opened.writestr(zipfile.ZipInfo(name or "/", (1980, 1, 1, 0, 0, 0)), b"")
    with pytest.raises(EvidenceError, match=r"cannot be called|longer than the file"):
        unpack(stream.getvalue(), "x")


def test_names_twice_or_in_upper_and_lower_case() -> None:
    with pytest.raises(EvidenceError, match="upper and lower case"):
        pack({"a": b"1", "A": b"2"})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr(zipfile.ZipInfo("a", (1980, 1, 1, 0, 0, 0)), b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            opened.writestr(zipfile.ZipInfo("a", (1980, 1, 1, 0, 0, 0)), b"1")
    with pytest.raises(EvidenceError, match="stands twice, or out of order"):
        unpack(stream.getvalue(), "x")


def test_compression_links_comments_and_encryption_have_no_place() -> None:
    def made(
        compression: int = zipfile.ZIP_STORED, attributes: int = 0o100644 << 16, comment: bytes = b""
    ) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as opened:
            info = zipfile.ZipInfo("a", (1980, 1, 1, 0, 0, 0))
            info.external_attr, info.compress_type = attributes, compression
            opened.writestr(info, b"0" * 1_000_000)
            opened.comment = comment
        return stream.getvalue()

    assert unpack(made(), "x") == {"a": b"0" * 1_000_000}, "the plain one is ours, to the byte"
    for content in (made(zipfile.ZIP_DEFLATED), made(attributes=0o120777 << 16), made(comment=b"hello")):
        with pytest.raises(EvidenceError, match="damaged"):
            unpack(content, "x")
    flagged = bytearray(pack({"a": b"1"}))
    flagged[6] = 1  # encrypted
    with pytest.raises(EvidenceError, match="damaged"):
        unpack(bytes(flagged), "x")


def test_lengths_that_lie() -> None:
    packed = bytearray(pack({"a": b"12345"}))
    for size in (0, 4, 6, 2**32 - 1):
        struct.pack_into("<2L", packed, 18, size, size)
        with pytest.raises(EvidenceError, match="damaged"):
            unpack(bytes(packed), "x")


def test_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    packed = pack(dict.fromkeys("abc", b""))
    assert len(unpack(packed, "x")) == 3
    with pytest.raises(EvidenceError, match="too large for one bundle"):
        pack(dict.fromkeys("abcd", b""))
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    with pytest.raises(EvidenceError, match="more than 2 members"):
        unpack(packed, "x")
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.truncate(archive.MAX_BYTES + 1)
    with pytest.raises(EvidenceError, match="larger than"):
        read(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "missing", "nul\0"):
        with pytest.raises(EvidenceError, match=r"not a regular file|cannot be read"):
            read(tmp_path / name)
