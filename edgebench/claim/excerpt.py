"""Problems with the line of the file under them, carets under the spot, and tildes under what the message quotes."""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from edgebench.claim.nodes import MAX_BYTES
from edgebench.claim.problems import MAX_SHOWN, ClaimFileError, Problem

_WIDTH = 100  # columns of a line that are shown; a longer one is cut around the spot
_BEFORE = 60  # of these, at most so many before it
# What the carets underline: a quoted text to its end, else a word.
_SPOT = re.compile(r"""("([^"\\]|\\.)*"|'[^']*'|[^\s,:\[\]{}#]+)""")


def pointed(error: ClaimFileError) -> str:
    """The problems of a file, each as `str` gives it, with the line of the file and carets under the spot.

    A line that cannot be shown (the file is gone, or is no text) leaves the problem as it is.
    """
    lines = excerpts(error.problems[:MAX_SHOWN])
    if (more := len(error.problems) - MAX_SHOWN) > 0:
        lines.append(f"… and {more} more problems")
    return "\n".join(lines)


def excerpts(problems: Iterable[Problem]) -> list[str]:
    """Every problem with its line and carets; each file is read once."""
    files: dict[str, list[str]] = {}
    shown = []
    for problem in problems:
        mark = problem.mark
        if mark.file not in files:
            # What is refused for lying elsewhere is not quoted either: it may be anybody's.
            elsewhere = problem.message.startswith("leads outside the claims root")
            files[mark.file] = [] if elsewhere else _lines(Path(mark.file))
        shown.append("\n".join([str(problem), *_excerpt(problem, files[mark.file])]))
    return shown


def _lines(path: Path) -> list[str]:
    """The lines of a file as YAML counts them; none where it cannot be read, which its problem says already."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return []
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError):
        return []
    return re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)


def _excerpt(problem: Problem, lines: list[str]) -> list[str]:
    mark = problem.mark
    if mark.line > len(lines) or not lines[mark.line - 1].strip():
        return []
    whole = lines[mark.line - 1]
    at = min(mark.column - 1, len(whole))
    start = 0 if len(whole) <= _WIDTH else max(0, at - _BEFORE)
    # No more is looked at than is shown, for a file may be a single line.
    line = "".join(c if c.isprintable() else " " for c in whole[start : start + _WIDTH])
    at -= start
    found = _SPOT.match(line, at)
    end = found.end() if found else at + 1
    text = ("…" if start else "") + line + ("…" if start + len(line) < len(whole) else "")
    before = " " * (bool(start) + _columns(line[:at]))
    carets = "^" * max(1, _columns(line[at:end]))
    if (named := _named(problem.message, line, end)) is not None:
        carets += " " * _columns(line[end : named[0]]) + "~" * _columns(line[named[0] : named[1]])
    number = str(mark.line)
    return [f"  {number} | {text}", f"  {' ' * len(number)} | {before}{carets}"]


def _named(message: str, line: str, start: int) -> tuple[int, int] | None:
    """Where behind a position the line has what the message quotes, such as a name within an expression; else None.

    A problem stands at its key; what is wrong with the value is further to the right.
    """
    for quoted in re.findall(r"'([^']+)'", message):
        found = list(re.finditer(rf"(?<![\w.-]){re.escape(quoted)}(?![\w-])", line[start:]))
        if len(found) == 1:
            return start + found[0].start(), start + found[0].end()
    return None


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
