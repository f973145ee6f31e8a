"""`--time-budget` at the two doors: what has no verdict is pending, visibly, and neither red nor green."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.cli import options
from tests import roots
from tests.pytest_root import Root
from tests.shell import Shell

# Enough seeds that a second cannot do.
LONG = roots.TRAINED.replace("looks: [2, 4]", "looks: [300]")


def test_pytest_skips_what_is_pending_and_goes_on_with_the_rest(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    root.write(long=LONG)
    junit = root.path / "report.xml"
    result = root.run("-v", "--time-budget", "3s", f"--junitxml={junit}")
    assert result.ret == 0
    outcomes = result.parseoutcomes()
    assert outcomes == {"passed": 4, "pending": 1}
    result.stdout.fnmatch_lines(
        [
            "claims/demo/long.yaml::gain PENDING*",
            "demo/long*gain*–*pending*– not compared*",
            "2 reproduced, 2 contradicted, 1 pending; the others as recorded",
        ]
    )
    assert "the time budget ended: " in junit.read_text()


def test_a_wrong_budget_is_one_line(root: Root, shell: Shell) -> None:
    root.write(blocks=roots.BLOCKS)
    result = root.run("--time-budget", "soon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: 'soon' is no duration; expected a number with a unit, such as 30m or 1.5h" in result.errlines
    )
    shell.write(blocks=roots.BLOCKS)
    shell.capsys.readouterr()
    assert shell("run", "--time-budget", "-1m") == options.USAGE
    assert (
        shell.err == "edgebench: '-1m' is no duration; expected a number with a unit, such as 30m or 1.5h\n"
    )


def test_the_command_line_leaves_with_a_status_of_its_own(shell: Shell) -> None:
    shell.write(blocks=roots.BLOCKS)
    assert shell("baseline", "record", "--why", "a test") == 0
    shell.write(long=LONG)
    assert shell("run", "--time-budget", "3") == options.PENDING
    assert shell.out.endswith("2 reproduced, 2 contradicted, 1 pending; the others as recorded\n")
    assert "demo/long" in shell.out
    assert "FLIPPED" not in shell.out
    assert "demo/long::gain is pending: the time budget ended: " in shell.out
    assert "0 of 1 claims hold with all their effects; 1 pending\n" in shell.out
    # Red counts for more than pending: no baseline of `formula` was recorded.
    shell.write(formula=roots.FORMULA)
    assert shell("run", "--time-budget", "3") == options.NOT_AS_RECORDED


def test_a_baseline_diff_knows_no_budget(shell: Shell, tmp_path: Path) -> None:
    shell.write(blocks=roots.BLOCKS)
    assert shell("baseline", "diff", "--time-budget", "3") == options.USAGE


def test_a_run_that_judged_nothing_is_no_success(root: Root) -> None:
    root.write(long=LONG)
    result = root.run("--time-budget", "1s")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert result.parseoutcomes() == {"pending": 1}
