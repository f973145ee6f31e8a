"""Finds EdgeBench's commands in shell scripts and documents, and says what is wrong with them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer.main

from edgebench import cli

_END = {"|", "||", "&&", ";", ">", ">>", "<", "2>&1", "&"}
_PROGRAM = re.compile(r"(?:.*/)?edgebench")


def in_script(script: str) -> Iterator[list[str]]:
    """The words of each command `edgebench …` of a shell script."""
    for line in script.replace("\\\n", " ").splitlines():
        try:
            lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
            lexer.whitespace_split = True
            lexer.commenters = "#"
            words = list(lexer)
        except ValueError:  # text beside code, with an apostrophe in it
            continue
        begin = True
        for place, word in enumerate(words):
            if begin and _PROGRAM.fullmatch(word):
                rest = words[place + 1 :]
                end = next((number for number, each in enumerate(rest) if each in _END), len(rest))
                yield rest[:end]
            begin = word in _END


def in_markdown(text: str) -> Iterator[list[str]]:
    """The same of a document: in its blocks of shell code, and between backticks."""
    for language, block in re.findall(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        if language in ("bash", "sh", "shell", "console"):
            yield from in_script(re.sub(r"^\$ ", "", block, flags=re.MULTILINE))
    for code in re.findall(r"`(edgebench [^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        yield from in_script(code.replace("\\|", "|"))


def complaint(words: list[str]) -> str | None:
    """Why a command could not be run: an unknown subcommand or option; None when it could."""
    command: Any = typer.main.get_command(cli.app)
    shown = f"edgebench {' '.join(words)}"
    left = list(words)
    while hasattr(command, "commands"):  # a group
        if not left or left[0] == "…":
            return None  # spoken of as a whole
        if left[0] in ("-h", "--help", "--version"):
            return None
        name = left.pop(0)
        if name not in command.commands:
            return f"'{name}' is no command: {shown}"
        command = command.commands[name]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {
        "-h",
        "--help",
    }
    for word in left:
        if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known:
            return f"'{word}' is no option: {shown}"
    return None
