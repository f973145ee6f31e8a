"""Files that editors complete: the line that tells an editor its schema, and where the schemas lie.

The schemas stand at the claims root, one for each form of file; a file names its own in the first line, by a relative
path, as yaml-language-server (VS Code, Neovim, Emacs, …) reads it:

    # yaml-language-server: $schema=../schema.json
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from edgebench.claim.catalogue import claim_files

Form = Literal["claim", "recipe", "paper"]
SCHEMA_FILES: dict[Form, str] = {
    "claim": "schema.json",
    "recipe": "schema.recipe.json",
    "paper": "schema.paper.json",
}
_START = "# yaml-language-server: $schema="


def form_of(path: Path) -> Form:
    """What a file of a claims root is, by its place."""
    if path.parent.name == "recipes":
        return "recipe"
    return "paper" if path.stem == "paper" else "claim"


def editor_line(path: Path, root: Path) -> str:
    """The first line of a claim, recipe or paper file below a claims root."""
    schema = os.path.relpath(root / SCHEMA_FILES[form_of(path)], path.parent)
    return _START + Path(schema).as_posix()


def with_line(text: str, line: str) -> str:
    """A file's text with the line at its head, in place of one that names another schema."""
    first, end, rest = text.partition("\n")
    if first.rstrip("\r") == line:
        return text
    return f"{line}\n{rest if first.startswith(_START) else first + end + rest}"


def written_files(root: Path) -> Iterator[Path]:
    """Every claim, recipe and paper file below a claims root, sorted within each form."""
    yield from claim_files([root])
    yield from sorted({*root.glob("recipes/*.yaml"), *root.glob("*/recipes/*.yaml")})
    yield from sorted(root.glob("*/paper.yaml"))
