"""Problems with the line of the file and carets under the spot."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.excerpt import pointed
from edgebench.claim.problems import MAX_SHOWN, ClaimFileError, Mark, Problem
from tests.claim.fixtures import TRAIN, Root, changed


def said(path: Path, line: int, column: int) -> list[str]:
    return pointed(ClaimFileError([Problem(Mark(str(path), line, column), "wrong")])).splitlines()


def test_every_problem_has_its_line_and_carets(root: Root) -> None:
    broken = changed(changed(TRAIN, "lr: 0.1", "lrr: 0.1"), "where: Table 3", "wher: Table 3")
    with pytest.raises(ClaimFileError) as caught:
        root.load(broken)
    lines = pointed(caught.value).splitlines()
    assert [line for line in lines if "c.yaml:" in line] == str(caught.value).splitlines()
    assert lines[0].endswith(f"{caught.value.problems[0].message} ({caught.value.problems[0].hint})")
    assert lines[1:3] == ["  2 | wher: Table 3", "    | ^^^^"]
    at = next(number for number, line in enumerate(lines) if "unknown key 'lrr'" in line)
    assert lines[at + 1] == "  5 |   optimiser: {name: sgd, lrr: 0.1}"
    assert lines[at + 2] == "    |                          ^^^"


@pytest.mark.parametrize(
    ("line", "column", "marked"),
    [
        ('expect: "> 0"', 9, '"> 0"'),
        ("a: {b: 1}", 5, "b"),
        ("a: [1, x]", 9, "]"),
        ("größe: 図表 wrong", 8, "図表"),
        ("a:\tb", 4, "b"),
        ("short", 40, ""),
    ],
)
def test_the_carets_are_as_wide_as_what_they_mark(
    tmp_path: Path, line: str, column: int, marked: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"{line}\n", encoding="utf-8")
    _, shown, carets = said(path, 1, column)
    assert shown == f"  1 | {line.replace(chr(9), ' ')}"
    wide = sum(c in "図表" for c in marked)
    assert carets.count("^") == max(1, len(marked) + wide)
    assert carets.index("^") == len("  1 | ") + min(column - 1, len(line))


def test_a_long_line_is_cut_around_the_spot(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("x" * 300 + " here " + "y" * 300, encoding="utf-8")
    _, shown, carets = said(path, 1, 302)
    assert len(shown) < 120
    assert shown.startswith("  1 | …x")
    assert shown.endswith("y…")
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "here"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"\n\n"])
def test_without_a_line_the_problem_stands_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    assert len(said(path, 1, 1)) == 1


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a: \x1b[31mred", encoding="utf-8")
    assert "\x1b" not in "\n".join(said(path, 1, 1))


def test_too_many_problems_are_counted(tmp_path: Path) -> None:
    problems = [Problem(Mark(str(tmp_path / "c.yaml"), n, 1), "wrong") for n in range(1, MAX_SHOWN + 3)]
    assert pointed(ClaimFileError(problems)).endswith("… and 2 more problems")


@pytest.mark.parametrize(
    ("old", "new", "shown", "marks"),
    [
        ("plain.top1 - mixup.top1", "plain.top1 - mixpu.top1",
         "    value: plain.top1 - mixpu.top1", "    ^^^^^               ~~~~~"),
        ("where: Table 3", "where: 3", "where: 3", "^^^^^"),
    ],
)  # fmt: skip
def test_what_the_message_quotes_is_marked(root: Root, old: str, new: str, shown: str, marks: str) -> None:
    with pytest.raises(ClaimFileError) as caught:
        root.load(changed(TRAIN, old, new))
    lines = pointed(caught.value).splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith(f"| {shown}"))
    assert lines[at + 1].partition("| ")[2] == marks


def test_a_file_of_one_long_line_is_looked_at_no_further_than_it_is_shown(root: Root) -> None:
    arms = ", ".join(f"a{number}: {{zz: 1}}" for number in range(20_000))
    text = TRAIN[: TRAIN.index("arms:")] + f"arms: {{{arms}}}\n"
    with pytest.raises(ClaimFileError) as caught:
        root.load(text)
    began = time.process_time()
    lines = pointed(caught.value).splitlines()
    assert time.process_time() - began < 0.5, "it was a second for every megabyte and hundred problems"
    assert max(map(len, lines)) < 500


def test_nothing_is_shown_of_a_file_outside_the_root(tmp_path: Path) -> None:
    outside, claim = tmp_path / "private", tmp_path / "claims" / "demo" / "claim.yaml"
    outside.write_text("secret: 1\n")
    claim.parent.mkdir(parents=True)
    claim.symlink_to(outside)
    text = "".join(map(pointed, load_catalogue([tmp_path / "claims"]).broken.values()))
    assert "leads outside the claims root" in text
    assert "secret" not in text
