"""`edgebench run`: what it writes where, and the status it leaves with. Trials end at once, as a script says."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest

from edgebench.cli import options
from edgebench.report import live
from edgebench.run.record import Measured, Status
from edgebench.run.session import Session
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.run.scripted import Scripted
from tests.shell import Shell

Outcome = Callable[[Trial], Measured | Status]


def works(trial: Trial) -> Measured:
    if trial.kind == "property":
        return Measured({"violations": 0.0})
    slow = '"lr":1e-06' in trial.settings_json
    return Measured({"top1": 10.0 if slow else 60.0 + trial.seed / 10})


def drifts(trial: Trial) -> Measured:
    return Measured({**works(trial).metrics, "violations": 1.0})


def fails(trial: Trial) -> Measured | Status:
    return Status.crashed if trial.kind == "train" else works(trial)


@pytest.fixture
def scripted(shell: Shell) -> Callable[[Outcome], None]:
    """Lets the commands' trials end as a script says."""

    def use(script: Outcome) -> None:
        def opened(asked: Any, *, baseline: object, notify: Any) -> Session:
            store = Store(asked.store_path())
            return Session(store, Scripted(script), time_budget=asked.time_budget, notify=notify)

        shell.monkeypatch.setattr(live, "open_session", opened)

    return use


@pytest.fixture
def recorded(shell: Shell, scripted: Callable[[Outcome], None]) -> Shell:
    """A folder with two claims, both recorded, and an empty store."""
    shell.write(formula=roots.FORMULA, trained=roots.TRAINED)
    scripted(works)
    assert shell("baseline", "record", "--why", "a test") == 0
    (shell.path / ".edgebench" / "store.sqlite").unlink()
    return shell


def test_progress_is_on_standard_error_and_the_table_on_standard_output(recorded: Shell) -> None:
    assert recorded("run") == 0
    first, last = recorded.err.splitlines()
    assert first.startswith("demo/formula: 1 reproduced (1 of 5 trials; ")
    assert first.endswith(" to the next looks)")
    assert last.startswith("demo/trained: 1 reproduced (5 of 5 trials; ")
    assert last.endswith(" so far)")
    assert recorded.out.startswith("claim ")
    assert recorded.out.endswith("2 reproduced; all as recorded\n")
    assert "\x1b" not in recorded.out + recorded.err
    assert recorded("run") == 0
    assert recorded.err == "", "nothing had to be run"


def test_quiet_leaves_only_the_last_line(recorded: Shell, scripted: Callable[[Outcome], None]) -> None:
    assert recorded("run", "--quiet") == 0
    assert (recorded.out, recorded.err) == ("2 reproduced; all as recorded\n", "")
    scripted(drifts)
    assert recorded("run", "-q", "--store", "other.sqlite") == options.NOT_AS_RECORDED
    assert recorded.out.startswith("FLIPPED: demo/formula::exact at tier smoke\n")
    assert recorded.out.endswith("1 reproduced, 1 contradicted; 1 not as recorded\n")
    assert "demo/trained" not in recorded.out
    assert recorded.err == ""


def test_json_is_all_of_standard_output(recorded: Shell) -> None:
    assert recorded("run", "--json") == 0
    found = json.loads(recorded.out)
    assert (found["kind"], found["exit_status"]) == ("run", 0)
    gain = {each["id"]: each for each in found["items"]}["demo/trained::gain"]
    assert (gain["verdict"], gain["baseline"], gain["n"]) == ("reproduced", "matches", 2)
    assert gain["values"] == [50.0, 50.1]
    assert "demo/trained: 1 reproduced" in recorded.err
    assert recorded("baseline", "diff", "--json") == 0
    assert json.loads(recorded.out)["items"][1]["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("script", "arguments", "status"),
    [
        (works, [], 0),
        (drifts, [], options.NOT_AS_RECORDED),
        (fails, [], options.FAILED),
        (works, ["-k", "no-such"], options.NOTHING_SELECTED),
        (works, ["--time-budget", "0.000001"], options.PENDING),
        (lambda trial: Status.crashed, ["--time-budget", "100"], options.FAILED),
    ],
)
def test_exit_statuses_tell_apart_what_happened(
    recorded: Shell, scripted: Callable[[Outcome], None], script: Outcome, arguments: list[str], status: int
) -> None:
    scripted(script)
    assert recorded("run", *arguments) == status
    assert recorded("run", "--json", *arguments, "--store", "other.sqlite") == status
    assert json.loads(recorded.out)["exit_status"] == status


def test_a_broken_claim_counts_as_failed_and_the_others_are_there(recorded: Shell) -> None:
    recorded.write(broken=roots.BROKEN)
    assert recorded("run", "--json", "--junit", "out/junit.xml") == options.FAILED
    found = json.loads(recorded.out)
    assert found["counts"]["reproduced"] == 2
    assert [each.partition(": ")[0] for each in found["broken"]] == ["claims/demo/broken.yaml:5:1"]
    assert "claims/demo/broken.yaml:5:1" in recorded.err
    suite = ET.parse(recorded.path / "out" / "junit.xml").find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("3", "1", "0")


def test_a_place_for_junit_that_cannot_be_written_is_refused_first(recorded: Shell) -> None:
    (recorded.path / "file").write_text("in the way")
    assert recorded("run", "--junit", "file/junit.xml") == options.FAILED
    assert recorded.err.startswith("edgebench: file/junit.xml: cannot be written: ")
    assert recorded.err.count("\n") == 1
    assert not (recorded.path / ".edgebench" / "store.sqlite").exists(), "nothing was run"


def test_a_narrow_terminal(recorded: Shell) -> None:
    from rich.console import Console

    recorded.monkeypatch.setenv("COLUMNS", "44")
    recorded.monkeypatch.setattr(Console, "is_terminal", True)
    recorded.monkeypatch.setenv("NO_COLOR", "1")
    assert recorded("run") == 0
    table = recorded.out.partition("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 44
    assert table[0] == "demo/formula"
    assert "\x1b" not in recorded.out + recorded.err


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["list"], "list"), (["plan"], "plan"), (["history"], "runs"), (["history", "demo/trained"], "history"),
        (["compare", "last~1", "last"], "compare"),
    ],
)  # fmt: skip
def test_other_commands_write_json_too(recorded: Shell, arguments: list[str], kind: str) -> None:
    assert recorded("run") == 0
    assert recorded("run") == 0
    assert recorded(*arguments, "--json") == 0
    assert json.loads(recorded.out)["kind"] == kind
    assert recorded.err == ""
    if kind == "history":
        assert recorded(*arguments, "--json", "--limit", "1") == 0
        assert [each["run"] for each in json.loads(recorded.out)["items"]] == [2]
