"""All commands at once: help with an example, and wrong usage as one line with a hint."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from edgebench import cli
from edgebench.cli import options
from tests import roots
from tests.shell import Shell

EXAMPLE = re.compile(r"Example: (edgebench .*)")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that name it, groups left out."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, each in command.commands.items():
        yield from commands(each, (*path, name))


ROOT: Any = typer.main.get_command(cli.app)
COMMANDS = dict(commands(ROOT))
EVERY = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def test_there_are_commands() -> None:
    assert {("run",), ("export",), ("baseline", "record")} <= COMMANDS.keys()


@EVERY
def test_help_has_an_example_that_can_be_typed(path: tuple[str, ...], shell: Shell) -> None:
    assert shell(*path, "--help") == 0
    assert "\x1b" not in shell.out
    assert max(map(len, shell.out.splitlines())) <= 80
    assert "Example: edgebench" in " ".join(shell.out.split())
    paragraphs = (" ".join(each.split()) for each in COMMANDS[path].help.split("\n\n"))
    (example,) = [found[1] for each in paragraphs if (found := EXAMPLE.search(each))]
    words = shlex.split(example.partition(" > ")[0])[1:]
    assert tuple(words[: len(path)]) == path
    COMMANDS[path].make_context("edgebench", words[len(path) :])


@EVERY
def test_an_unknown_option_is_one_line_with_a_hint(path: tuple[str, ...], shell: Shell) -> None:
    assert shell(*path, "--no-such-option") == options.USAGE
    assert shell.out == ""
    assert re.fullmatch(
        rf"edgebench: no option is called '--no-such-option' \(.*see `.*{' '.join(path)} --help`\)\n",
        shell.err,
    )


@EVERY
def test_too_many_arguments_are_one_line_with_a_hint(path: tuple[str, ...], shell: Shell) -> None:
    shell(*path, *["one/two"] * 4)
    assert shell.out == ""
    assert len(shell.err.splitlines()) == 1
    assert shell.err.startswith("edgebench: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rn"], "no command is called 'rn' (did you mean 'run'? see `edgebench --help`)"),
        (["frobnicate"], "no command is called 'frobnicate' (see `edgebench --help`)"),
        (["baseline", "dif"], "no command is called 'dif' (did you mean 'diff'? see `edgebench baseline --help`)"),
        (["run", "--teir", "x"], "no option is called '--teir' (did you mean '--tier'? see `edgebench run --help`)"),
        (["export"], "missing argument 'OUTPUT' (see `edgebench export --help`)"),
    ],
)  # fmt: skip
def test_what_was_probably_meant(shell: Shell, arguments: list[str], message: str) -> None:
    assert shell(*arguments) == options.USAGE
    assert shell.err == f"edgebench: {message}\n"


@pytest.mark.parametrize("arguments", [["run", "--seeds", "many"], ["run", "--tier"], ["compare", "1"]])
def test_wrong_values_are_one_line_with_a_hint(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments) == options.USAGE
    assert re.fullmatch(r"edgebench: [^\n]+ \(see `edgebench.* --help`\)\n", shell.err)


@pytest.mark.parametrize("arguments", [[], ["baseline"]])
def test_a_group_without_a_command_shows_its_help(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments) == options.USAGE
    assert "Commands:" in shell.out + shell.err


def test_leaving_a_question_is_an_interrupt(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def left(*arguments: object) -> None:
        raise typer.Abort

    monkeypatch.setattr("edgebench.cli.claims.load_catalogue", left)
    assert shell("list") == options.INTERRUPTED
    assert shell.err == "\nedgebench: interrupted\n"


def test_a_mistake_of_ours_is_not_taken_for_a_result(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr("edgebench.cli.claims.load_catalogue", broken)
    monkeypatch.setattr("sys.argv", ["edgebench", "list"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == options.FAILED
    err = capsys.readouterr().err
    assert "ZeroDivisionError: a mistake" in err
    assert err.splitlines()[-1].startswith("edgebench: this is a mistake in EdgeBench itself")


def test_a_terminal_without_the_characters_stops_nothing(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    done = subprocess.run(
        [sys.executable, "-m", "edgebench", "plan"],
        capture_output=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert b"to be seen" in done.stdout
    assert b"?" in done.stdout, "latin-1 has no dash"
