"""`edgebench new` and `edgebench schema --write`: files for contributors and their editors."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from edgebench.claim.editor import SCHEMA_FILES
from edgebench.cli import options
from tests import roots
from tests.shell import Shell

SAID = ("--claim", "Kernels of ones are cheap", "--where", "Table 9")
PAPER = (
    "--title",
    "A paper",
    "--author",
    "A. Lee",
    "--author",
    "B. Roy",
    "--year",
    "2024",
    "--link",
    "https://x.org",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def files(path: Path) -> list[str]:
    return sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())


def test_a_claim_of_a_new_paper(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("new", "kernels/ones", *SAID, *PAPER, "--kind", "profile") == 0
    assert shell.out.startswith("written: claims/kernels/ones.yaml\nwritten: claims/kernels/paper.yaml\n")
    first, *_ = (shell.path / "claims/kernels/ones.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=../schema.json"
    assert {*SCHEMA_FILES.values()} <= set(files(shell.path / "claims"))
    assert shell("validate") == 0
    assert shell.out == "2 claims in order\n"
    assert shell("list") == 0
    assert "kernels: A paper (2024)" in shell.out


def test_nothing_is_overwritten(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    path = shell.path / "claims/demo/formula.yaml"
    before = path.read_text()
    assert shell("new", "demo/formula", *SAID) == options.USAGE
    assert "claims/demo/formula.yaml is there already" in shell.err
    assert path.read_text() == before
    path.rename(path.with_suffix(".yml"))
    assert shell("new", "demo/formula", *SAID) == options.USAGE
    assert files(shell.path / "claims") == ["demo/formula.yml", "demo/paper.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo"], "'demo' cannot be a claim's id"),
        (["../demo/x"], "cannot be a claim's id"),
        (["demo/paper", *SAID], "cannot be a claim's id"),
        (["demo/x", *SAID, "--kind", "trian"], "did you mean 'train'?"),
        (["demo/x", "--where", "Table 1"], "--claim is missing"),
        (["demo/x", "--claim", " ", "--where", "Table 1"], "--claim is empty"),
        (["other/x", *SAID], "--title is missing"),
        (["other/x", *SAID, *PAPER[:-2], "--link", " "], "--link is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_one_line(shell: Shell, arguments: list[str], said: str) -> None:
    shell.write()
    assert shell("new", *arguments) == options.USAGE
    assert said in shell.err
    assert shell.err.count("\n") == 1
    assert files(shell.path) == ["claims/demo/paper.yaml"]


def test_a_folder_that_cannot_be_written_is_one_line(shell: Shell) -> None:
    assert shell("new", "demo/x", *SAID, *PAPER, "--claims", "/proc/no") == options.FAILED
    assert shell.err.startswith("edgebench: /proc/no/demo: cannot be written: ")
    assert shell("schema", "--write", "--claims", "nowhere") == options.FAILED
    assert shell.err.startswith("edgebench: nowhere: no such folder; expected a folder of claims (")
    assert not (shell.path / "nowhere").exists()


def test_a_claim_that_would_not_be_valid_is_not_left_there(shell: Shell) -> None:
    shell.write()
    wrong = ("--arm", "plain", "--arm", "mixup={augment: {mixop: {}}}", "--value", "mixup.top1 - plan.top1")
    for name, rest in (("demo/x", ()), ("other/x", PAPER)):
        assert shell("new", name, *SAID, *rest, *wrong) == options.USAGE
        assert "unknown key 'mixop'" in shell.err
        assert "| " + "  mixup: {augment: {mixop: {}}}" in shell.err
        assert "did you mean 'plain'" in shell.err
        assert "nothing is written" in shell.err
        assert files(shell.path) == ["claims/demo/paper.yaml"]
        assert not (shell.path / "claims/other").exists()


def test_on_a_terminal_it_asks(shell: Shell) -> None:
    shell.write()
    answers = ["Rates matter", "Figure 2", "train", "plain", "slow={optimiser: {lr: 0.01}}", "",
               "plain.top1 - slow.top1", "> 0", "0.5", ""]  # fmt: skip
    shell.monkeypatch.setattr("sys.stdin", Terminal("\n".join(answers) + "\n"))
    assert shell("new", "demo/rates") == 0, shell.err
    text = (shell.path / "claims/demo/rates.yaml").read_text()
    for part in ("claim: Rates matter\n", "  slow: {optimiser: {lr: 0.01}}\n", "    margin: 0.5 "):
        assert part in text
    assert "published" not in text
    assert shell("validate") == 0


def test_schemas_are_written_with_the_lines_that_name_them(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("schema", "--write") == 0
    assert shell.out.count("written: ") == 5
    for name in ("formula", "paper"):
        assert (shell.path / f"claims/demo/{name}.yaml").read_text().startswith("# yaml-language-server: ")
    assert shell("validate") == 0
    assert shell("schema", "--write") == 0
    assert shell.out == "all as it should be\n"
    assert shell("schema", "recipe") == 0
    assert shell.out == (shell.path / "claims/schema.recipe.json").read_text()
    assert shell("schema", "claims") == options.USAGE
    assert "did you mean 'claim'?" in shell.err
