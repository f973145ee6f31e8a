"""Errors of the command line itself, each as one line with a hint."""

from __future__ import annotations

import re
from typing import Any

import typer

from edgebench.errors import did_you_mean

# typer brings a copy of click with it since 0.2x, and used click before; neither has a public name for the base of its
# errors that would do for both.
ClickError: Any = typer.BadParameter.__mro__[2]
_NO_COMMAND = re.compile("No such command '([^']*)'")


def is_help(error: Any) -> bool:
    """Whether a group was called without a command, for which its help is the answer."""
    return type(error).__name__ == "NoArgsIsHelpError"


def sentence(error: Any) -> str:
    """What is wrong and what to do, in one line: `no option is called '--teir' (did you mean '--tier'?)`."""
    text = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    where = f"see `{context.command_path if context else 'edgebench'} --help`"
    option = getattr(error, "option_name", None)
    if context is not None and type(error).__name__ == "NoSuchOption" and option is not None:
        known = [name for parameter in context.command.params for name in parameter.opts]
        return f"no option is called '{option}' ({_hints(did_you_mean(option, [*known, '--help']), where)})"
    if context is not None and (named := _NO_COMMAND.match(text)):
        known = context.command.list_commands(context)
        return f"no command is called '{named[1]}' ({_hints(did_you_mean(named[1], known), where)})"
    return f"{text[:1].lower()}{text[1:]} ({where})"


def _hints(meant: str | None, where: str) -> str:
    return f"{meant} {where}" if meant else where
