"""`edgebench schema`: the JSON schemas of claim, recipe and paper files, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edgebench.claim.editor import SCHEMA_FILES, Form, editor_line, with_line, written_files
from edgebench.claim.problems import display_path
from edgebench.cli.options import DEFAULT_ROOT, Root
from edgebench.errors import ClaimError, SettingsError, did_you_mean


def schema(
    form: Annotated[
        str, typer.Argument(metavar="[FORM]", help="Of which files: claim, recipe or paper.")
    ] = "claim",
    root: Root = DEFAULT_ROOT,
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Write all three beside the claims, and the line that names them into every file."
        ),
    ] = False,
) -> None:
    """Print the JSON schema of claim files, or write it for editors. Example: edgebench schema --write"""
    if form not in SCHEMA_FILES:
        raise SettingsError(
            f"no file is called '{form}'",
            expected=f"one of {', '.join(SCHEMA_FILES)}",
            hint=did_you_mean(form, SCHEMA_FILES),
        )
    if not write:
        typer.echo(schema_text(next(each for each in SCHEMA_FILES if each == form)), nl=False)
        return
    root = root.absolute()
    if not root.is_dir():
        raise ClaimError(
            "no such folder",
            expected="a folder of claims",
            where=display_path(root),
            hint="name it by --claims",
        )
    changed = [root / name for form_, name in SCHEMA_FILES.items() if _put(root / name, schema_text(form_))]
    for path in written_files(root):
        text = path.read_bytes().decode("utf-8-sig")
        if _put(path, with_line(text, editor_line(path, root))):
            changed.append(path)
    typer.echo("\n".join(f"written: {display_path(path)}" for path in changed) or "all as it should be")


def schema_text(form: Form) -> str:
    """The schema of a form of file, as it is committed."""
    from edgebench.claim.schema import file_schema

    return json.dumps(file_schema(form), indent=1, ensure_ascii=False) + "\n"


def write_missing(root: Path) -> None:
    """Write the schemas that are not beside the claims yet; others are left as they are."""
    for form, name in SCHEMA_FILES.items():
        if not (root / name).exists():
            _put(root / name, schema_text(form))


def _put(path: Path, text: str) -> bool:
    """Write a file unless that is what it holds; whether it was written."""
    from edgebench.report.files import write

    if path.is_file() and path.read_bytes() == text.encode():
        return False
    write(path, text)
    return True
