"""Where a value stands in a file, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import ClaimError


@dataclass(frozen=True, order=True)
class Mark:
    """A position in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{display_path(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file: where, what was found and expected, and a hint."""

    mark: Mark
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.mark}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ClaimFileError(ClaimError):
    """Every problem of a claim file (and of the recipes it uses), reported together."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
        self.summary = f"{count} problem{'s' if count != 1 else ''}"

    def __reduce__(self) -> tuple[object, ...]:
        return (ClaimFileError, (list(self.problems),))


def display_path(path: str | Path) -> str:
    """The path relative to the working directory when it lies below it, else as it is."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
