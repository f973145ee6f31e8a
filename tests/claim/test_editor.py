"""Files that editors complete: every one names its schema, and the schemas are current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench.claim.editor import SCHEMA_FILES, Form, editor_line, form_of, with_line, written_files
from edgebench.claim.nodes import read_file
from edgebench.claim.schema import file_schema
from edgebench.cli.schemas import schema_text

CLAIMS = Path(__file__).parents[2] / "claims"
FILES = list(written_files(CLAIMS))
HINT = "run: edgebench schema --write"


@pytest.mark.parametrize("form", SCHEMA_FILES)
def test_the_committed_schema_is_current(form: Form) -> None:
    committed = (CLAIMS / SCHEMA_FILES[form]).read_text(encoding="utf-8")
    assert committed == schema_text(form), HINT
    assert json.loads(committed) == file_schema(form)


def test_every_yaml_file_is_looked_at() -> None:
    assert set(FILES) == set(CLAIMS.rglob("*.y*ml"))
    assert {form_of(path) for path in FILES} == set(SCHEMA_FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CLAIMS).as_posix())
def test_every_file_names_its_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first == editor_line(path, CLAIMS), HINT
    schema = path.parent / first.partition("=")[2]
    assert schema.resolve() == (CLAIMS / SCHEMA_FILES[form_of(path)]).resolve()


@pytest.mark.parametrize("form", ["recipe", "paper"])
def test_recipes_and_papers_of_this_repository_are_valid(form: Form) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = file_schema(form)
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    for path in FILES:
        if form_of(path) == form:
            document = read_file(path).plain()
            assert list(checker.iter_errors(document)) == [], path
            assert list(checker.iter_errors({**document, "no_such_key": 1})), path


def test_the_line_takes_the_place_of_another() -> None:
    line = editor_line(Path("/c/p/x.yaml"), Path("/c"))
    assert line == "# yaml-language-server: $schema=../schema.json"
    assert editor_line(Path("/c/p/recipes/x.yaml"), Path("/c")).endswith("=../../schema.recipe.json")
    assert editor_line(Path("/c/recipes/x.yaml"), Path("/c")).endswith("=../schema.recipe.json")
    assert editor_line(Path("/c/p/paper.yaml"), Path("/c")).endswith("=../schema.paper.json")
    for before in ("a: 1\n", "# yaml-language-server: $schema=old.json\na: 1\n", f"{line}\na: 1\n"):
        assert with_line(before, line) == f"{line}\na: 1\n"
    assert with_line("# a remark\na: 1\n", line) == f"{line}\n# a remark\na: 1\n"
