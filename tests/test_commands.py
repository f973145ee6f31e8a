"""Every command that a document or a workflow shows exists, with its options."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import commands

TOP = Path(__file__).parent.parent
DOCUMENTS = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_commands_of_documents_exist(path: Path) -> None:
    found = [commands.complaint(words) for words in commands.in_markdown(path.read_text(encoding="utf-8"))]
    assert not [each for each in found if each]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("edgebench run -k netaug --tier short | tee x", None),
        ("(cd x && .venv/bin/edgebench baseline diff --markdown >> y)", None),
        ("TIER=short; edgebench frobnicate", "'frobnicate' is no command: edgebench frobnicate"),
        ("true && edgebench run --teir short", "'--teir' is no option: edgebench run --teir short"),
        ("edgebench baseline rekord", "'rekord' is no command: edgebench baseline rekord"),
        (
            "edgebench run --tier=short \\\n  --sede 3",
            "'--sede' is no option: edgebench run --tier=short --sede 3",
        ),
    ],
)
def test_what_is_wrong_is_found(script: str, said: str | None) -> None:
    (words,) = commands.in_script(script)
    assert commands.complaint(words) == said


def test_where_commands_are_found() -> None:
    text = "`edgebench list` and\n\n```bash\n$ edgebench show X   # comment\n```\n\n```python\nedgebench = 1\n```\n"
    assert list(commands.in_markdown(text)) == [["show", "X"], ["list"]]
    assert list(commands.in_script("echo edgebench run")) == []
