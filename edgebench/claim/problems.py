"""Where a value stands in a file, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import ClaimError
from edgebench.printable import printable

MAX_SHOWN = 100  # problems of one file; beyond, something else than a slip is wrong with it
_LONGEST = 1000  # characters of a message


@dataclass(frozen=True, order=True)
class Mark:
    """A position in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{_printable(display_path(self.file))}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file: where, what was found and expected, and a hint."""

    mark: Mark
    message: str
    hint: str | None = None

    def __post_init__(self) -> None:
        # What a file contains ends up in terminals and logs: one line, and no control characters.
        object.__setattr__(self, "message", _printable(self.message))
        if self.hint is not None:
            object.__setattr__(self, "hint", _printable(self.hint))

    def __str__(self) -> str:
        return f"{self.mark}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ClaimFileError(ClaimError):
    """Every problem of a claim file (and of the recipes it uses), reported together."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(
            sorted(set(problems), key=lambda each: (each.mark, each.message, each.hint or ""))
        )
        count = len(self.problems)
        lines = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        if count > MAX_SHOWN:
            lines.append(f"… and {count - MAX_SHOWN} more problems")
        super().__init__("\n".join(lines))
        self.summary = f"{count} problem{'s' if count != 1 else ''}"

    def __reduce__(self) -> tuple[object, ...]:
        return (ClaimFileError, (list(self.problems),))


def gather(groups: Sequence[tuple[Mark, Sequence[Problem]]], common: Mark) -> list[Problem]:
    """The problems of several tiers or cases, each with its own mark.

    What every one of several groups has at its own mark (a key missing everywhere) is said once, at `common`.
    """
    own = [{(each.message, each.hint) for each in found if each.mark == mark} for mark, found in groups]
    shared = set.intersection(*own) if len(own) > 1 else set()
    kept = [
        each
        for mark, found in groups
        for each in found
        if each.mark != mark or (each.message, each.hint) not in shared
    ]
    return kept + [Problem(common, message, hint) for message, hint in shared]


def display_path(path: str | Path) -> str:
    """The path relative to the working directory when it lies below it, else as it is."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _printable(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
