"""The page `docs/reliability.md`: what was tried and what happened, as the tests of faults saw it.

Each row is of one test that carries `@pytest.mark.fault(GROUP, FAULT, TRIED)` and hands what it saw to the fixture
`observed` (`tests/faults/recording.py`). Every run of such a test compares its row with the page. A test that cannot
run here, because there is no Ray or no right to mount a file system, is skipped, and its row stays as last seen.
"""

from __future__ import annotations

import ast
import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
PAGE = TOP / "docs" / "reliability.md"

INTRO = """\
# When something goes wrong

A run takes hours, and something will go wrong: a process is killed, a disk fills up, a file is damaged, a loss is not a
number. EdgeBench promises the same for all of it:

- A trial that ends badly has a status with a name (`crashed`, `timed_out`, …), fails the effects that need it, and
  stops nothing else.
- What a command cannot go on with is one message, which says what was found, what was expected and what to do. There is
  no traceback.
- What was measured before is kept. The same command goes on from there, and comes to the verdict that it would have
  come to.

The tables below are written by the tests that make these faults happen: the last column is what the tests saw, nothing
else. Each time the tests run, they compare it again; `python -m tools.reliability` writes the page anew. Where a test
cannot run, because there is no Ray or no right to mount a file system, its row is from where it last ran.
"""

GROUPS: dict[str, tuple[str, str]] = {
    "driver": (
        "The command is ended",
        "A trial is written to the store, in one transaction, as soon as it ended. Processes that run "
        "trials end with the command that started them, however it ended. `edgebench run`, pytest and a "
        "nightly job may be ended at any moment and started again.",
    ),
    "trial": (
        "A trial goes wrong",
        "Each trial has a process of its own, with a time limit and a memory limit (`timeout` and "
        "`memory` of a tier). Only a trial that was `lost`, which is what a kill from outside looks like, "
        "is tried again in the same run, at most twice; all others that failed are tried again by the "
        "next run.",
    ),
    "numbers": (
        "Numbers that are none",
        "A training of which the loss is no longer finite has *diverged*. That is an outcome and no "
        "failure: it counts as the worst value, and is never left out.",
    ),
    "ray": (
        "A machine of a cluster is lost",
        "With `--executor ray`, only the command's own process writes to the store; a node holds nothing "
        "that is missed when it is gone.",
    ),
    "disk": (
        "The disk is full, or cannot be written",
        "Files are written under another name and renamed when they are complete: what was there before "
        "stays, or the new one is there as a whole. A full disk is a file system of a few hundred "
        "kilobytes, except where the table says that the system call was made to fail.",
    ),
    "store": (
        "The store is damaged, locked or not ours",
        "The store is an SQLite file. It is never repaired or written over by guesswork: where it cannot "
        "be used, the command says so, and leaves it as it is.",
    ),
    "data": (
        "Data, weights and downloads",
        "Datasets and weights are known by their SHA-256, which is part of what a trial is. What was made "
        "from them (decoded images, cached features) is checked when it is opened, and made again if it "
        "is not whole.",
    ),
    "clock": (
        "The clock is set",
        "Time limits and time budgets follow a clock that nobody can set, runs and attempts are ordered "
        "by number, and an owner of a lease on the same machine is known by its process. Times of day are "
        "for people; they decide only how long a lease of *another* machine lasts and whether a run is of "
        "tonight. The tests replace the clock within the process.",
    ),
}

# How each observed fact is said, in this order. A fact is a value that the test took from the system, never a sentence.
PHRASES: dict[str, str] = {
    "exit": "",  # see _phrase
    "status": "status `{}`",
    "said": "“{}”",
    "outcome": "the verdict is *{}*",
    "others": "trials beside it: {}",
    "tried": "",  # see _phrase
    "kept": "{} finished trials kept",
    "file": "the file is {}",
    "integrity": "integrity of the store: {}",
    "leases": "leases left: {}",
    "processes": "processes left: {}",
    "lease": "the lease is {}",
    "duration": "its duration is {}",
    "shows": "shows {}",
    "again": "the same command then runs {}",
    "verdict": "and comes to {}",
}


@dataclass(frozen=True)
class Fault:
    """A fault that a test makes happen.

    Attributes:
        group: one of `GROUPS`.
        name: what goes wrong.
        tried: how the test makes it happen.
    """

    group: str
    name: str
    tried: str

    def row(self, facts: Mapping[str, object]) -> str:
        """The fault's line of the page."""
        if unknown := facts.keys() - PHRASES.keys():
            raise ValueError(
                f"no phrase for {', '.join(sorted(unknown))}; expected some of {', '.join(PHRASES)}"
            )
        said = [_phrase(name, facts[name]) for name in PHRASES if name in facts]
        return f"{self.head}{'; '.join(said)} |"

    @property
    def head(self) -> str:
        """How its line begins."""
        return f"| {_cell(self.name)} | {_cell(self.tried)} | "


class Recorder:
    """A pytest plugin that collects rows, for writing the page; without it tests compare theirs with the page."""

    def __init__(self) -> None:
        self.rows: dict[Fault, str] = {}


def _phrase(name: str, value: object) -> str:
    if name == "exit":
        assert isinstance(value, int)
        return f"exit status {value}" if value >= 0 else f"ended by signal {-value}"
    if name == "tried":
        assert isinstance(value, int)
        return f"run {('once', 'twice')[value - 1] if value in (1, 2) else f'{value} times'}"
    return PHRASES[name].format(_cell(str(value)))


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def steady(text: str, *paths: Path) -> str:
    """A message without what differs from run to run: folders, digests, process numbers, lines of code."""
    for path in paths:
        text = text.replace(f"{path}/", "").replace(str(path), "…")
    text = re.sub(r"\b[0-9a-f]{32,64}\b", "…", text).replace(f".{platform.node()}.lock", ".HOST.lock")
    text = re.sub(r"\[enforce fail at [^]]*\] err == 0\. ", "", text)  # a place in torch's own code
    return re.sub(r"(\.py):\d+", r"\1", text).strip()


def declared() -> Iterator[tuple[Fault, str]]:
    """Every fault that is tested, with its test; found in the sources, because that takes no import.

    Raises:
        ValueError: a mark that is not three strings, a group that does not exist, or a test without `observed`.
    """
    for path in sorted((TOP / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.fault(" not in text:
            continue
        for function in ast.walk(ast.parse(text)):
            if not isinstance(function, ast.FunctionDef):
                continue
            place = f"{path.relative_to(TOP)}::{function.name}"
            for call in (each for top in function.decorator_list for each in ast.walk(top)):
                if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith("mark.fault"):
                    continue
                fault = Fault(*(ast.literal_eval(argument) for argument in call.args))
                if fault.group not in GROUPS:
                    raise ValueError(
                        f"{place}: no group '{fault.group}'; expected one of {', '.join(GROUPS)}"
                    )
                if "observed" not in {argument.arg for argument in function.args.args}:
                    raise ValueError(f"{place}: expected the fixture `observed`")
                yield fault, place


def rows_of(page: str) -> list[str]:
    """The lines of a page that are of faults."""
    return [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| what ")]


def render(seen: Mapping[Fault, str], earlier: str = "") -> str:
    """The page.

    Args:
        seen: lines of the faults that were observed; of all others they are taken from the earlier page.

    Raises:
        ValueError: a fault that has no line in either.
    """
    before = rows_of(earlier)
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    faults = sorted({fault for fault, _ in declared()}, key=lambda fault: fault.name.lower())
    for fault in faults:
        found = [seen[fault]] if fault in seen else [row for row in before if row.startswith(fault.head)]
        if len(found) != 1:
            raise ValueError(
                f"'{fault.name}' was not observed here, and has no line in {PAGE.relative_to(TOP)}"
            )
        groups[fault.group] += found
    parts = [INTRO]
    for group, (title, promise) in GROUPS.items():
        head = "| what goes wrong | what the test does | what happened |\n|---|---|---|"
        parts.append(f"## {title}\n\n{promise}\n\n{head}\n" + "\n".join(groups[group]) + "\n")
    return "\n".join(parts)
