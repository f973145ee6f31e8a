"""An archive of which every byte counts: a zip file without compression that has one form only for what it holds.

Any zip program opens it. This reader does not read zip in general: it takes the names and contents from the local
headers, writes the archive anew from them, and asks for the same bytes. A date, an attribute, padding, a comment, a
second directory, encryption, compression or a link has no place in that form, so that neither a changed byte nor a
zip bomb gets past it. Nothing is decompressed, and nothing is written to disk.
"""

from __future__ import annotations

import re
import stat
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

from edgebench.errors import EvidenceError

MAX_BYTES = 32 << 20
MAX_MEMBERS = 10_000
MAX_NAME = 200
# Parts of a path that mean the same on every file system: no `..`, no drive, no hidden file, no backslash.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,7}")

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION = 20  # of the format, that a reader must know: 2.0
_UNIX = 3 << 8
_DATE = 0x0021  # 1 January 1980, the earliest that the format knows
_MODE = (stat.S_IFREG | 0o644) << 16
_HEAD = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_TAIL = struct.Struct("<4s4H2LH")


def pack(members: Mapping[str, bytes]) -> bytes:
    """The archive of some members by name; equal members give equal bytes.

    Raises:
        EvidenceError: a name that the format does not take, too many members, or too much of them.
    """
    names = sorted(members)
    for name in names:
        _check_name(name, "an evidence bundle")
    if len({name.casefold() for name in names}) < len(names):
        raise EvidenceError("two members differ in upper and lower case alone", expected="other file names")
    size = sum(map(len, members.values()))
    if len(names) > MAX_MEMBERS or size + 300 * len(names) > MAX_BYTES:
        raise EvidenceError(
            f"the evidence is too large for one bundle: {size} bytes in {len(names)} members",
            expected=f"at most {MAX_BYTES} bytes in {MAX_MEMBERS} members",
            hint="make a bundle for fewer claims, or of one tier",
        )
    return _written({name: members[name] for name in names})


def unpack(content: bytes, where: str) -> dict[str, bytes]:
    """The members of an archive, sorted by name, if it is byte for byte what `pack` makes of them.

    Args:
        where: what the content is of, for errors.

    Raises:
        EvidenceError: it is anything else.
    """
    members: dict[str, bytes] = {}
    at, last = 0, ""
    while content[at : at + 4] == _LOCAL:
        if len(content) < at + _HEAD.size:
            raise _damaged("it ends within the header of a member", where)
        fields = _HEAD.unpack_from(content, at)
        size, length = fields[8], fields[9]
        begin = at + _HEAD.size + length
        if length > MAX_NAME or begin + size > len(content):
            raise _damaged("a member is longer than the file", where)
        name = content[at + _HEAD.size : begin].decode("latin-1")
        _check_name(name, where)
        if name <= last:
            raise _damaged(f"the member '{name}' stands twice, or out of order", where)
        if len(members) >= MAX_MEMBERS:
            raise _damaged(f"it has more than {MAX_MEMBERS} members", where)
        members[name] = content[begin : begin + size]
        at, last = begin + size, name
    if not members:
        raise EvidenceError(
            "is no evidence bundle", where=where, expected="a file that `edgebench evidence` wrote"
        )
    if len({name.casefold() for name in members}) < len(members):
        raise _damaged("two members differ in upper and lower case alone", where)
    if _written(members) != content:
        raise _damaged("what stands around its members is not what their contents ask for", where)
    return members


def read(path: Path) -> bytes:
    """The bytes of a bundle's file.

    Raises:
        EvidenceError: it is no regular file, is too large, or cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise EvidenceError("is not a regular file", where=str(path))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = getattr(error, "strerror", None) or error
        raise EvidenceError(f"cannot be read: {reason}", where=str(path)) from None
    if len(content) > MAX_BYTES:
        raise EvidenceError(f"is larger than {MAX_BYTES} bytes", where=str(path))
    return content


def _written(members: Mapping[str, bytes]) -> bytes:
    bodies: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for name, content in members.items():
        label = name.encode("ascii")
        size = len(content)
        about = (_VERSION, 0, 0, 0, _DATE, zlib.crc32(content), size, size, len(label), 0)
        body = _HEAD.pack(_LOCAL, *about) + label + content
        bodies.append(body)
        directory.append(_ENTRY.pack(_CENTRAL, _UNIX | _VERSION, *about, 0, 0, 0, _MODE, at) + label)
        at += len(body)
    listed = b"".join(directory)
    tail = _TAIL.pack(_END, 0, 0, len(members), len(members), len(listed), at, 0)
    return b"".join((*bodies, listed, tail))


def _check_name(name: str, where: str) -> None:
    if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        raise EvidenceError(
            f"a member cannot be called {name[:80]!r}",
            where=where,
            expected="letters, digits, '.', '_' and '-' in at most eight parts",
        )


def _damaged(what: str, where: str) -> EvidenceError:
    return EvidenceError(
        f"the bundle is damaged: {what}", where=where, hint="ask for it again; nothing in it can be relied on"
    )
