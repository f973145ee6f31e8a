"""What no reader may do, whatever it reads: reach for the network or other programs, or say what a terminal obeys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from edgebench.errors import EdgebenchError
from edgebench.printable import CONTROL

LONGEST = 200_000  # characters of an error: a hundred problems of a claim file, of at most a thousand each

_FORBIDDEN = (
    "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn", "socket.bind", "socket.connect",
    "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "webbrowser.open",
)  # fmt: skip
_armed = False
_hooked = False


class Forbidden(BaseException):
    """A reader did what none may; no `except Exception` of a reader stops it."""


class Unreadable(Exception):
    """What is said of an input would not be shown as it stands."""


@contextmanager
def watched() -> Iterator[None]:
    """Stops the block with `Forbidden` where it reaches for the network or another program."""
    global _armed, _hooked
    if not _hooked:  # a hook cannot be taken off again
        sys.addaudithook(_hook)
        _hooked = True
    _armed = True
    try:
        yield
    finally:
        _armed = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _armed and event in _FORBIDDEN:
        raise Forbidden(f"{event} {arguments!r}"[:300])


def said(error: EdgebenchError) -> None:
    """Accept an error of printable characters and line ends, and of a page at most. Raises `Unreadable` for others."""
    text = str(error)
    shown(text)
    if not text.replace("\n", "").isprintable() or len(text) > LONGEST:
        raise Unreadable(f"{len(text)} characters: {text[:200]!r}")


def shown(text: str) -> None:
    """Accept text without control characters. Raises `Unreadable` for others."""
    if strange := CONTROL.search(text):
        raise Unreadable(f"{strange.group()!r} in {text[:200]!r}")
