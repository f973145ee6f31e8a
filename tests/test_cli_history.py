"""`edgebench history` and `edgebench compare`, on what runs leave behind."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from edgebench.cli import options
from tests import roots
from tests.report.fixtures import log_run, result_of
from tests.shell import Shell
from tests.test_cli import NO_TORCH

# The published order of its effects is another one on purpose.
CHANGED = roots.FORMULA.replace('rates.violations, expect: "== 0"', 'rates.violations + 1, expect: "> 5"')


def test_runs_are_kept_and_compared(shell: Shell) -> None:
    """Two runs, the claim changed in between: told by history and by compare, with the statuses for a script."""
    shell.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    assert shell("baseline", "record", "--why", "so") == 0
    assert shell("run") == 0
    assert shell("run") == 0
    assert shell("compare", "last~1", "last") == 0
    assert "5 items on both sides: 0 with another verdict, 0 exact with another value, 5 same" in shell.out
    shell.write(formula=CHANGED)
    assert shell("run") == options.NOT_AS_RECORDED

    assert shell("history") == 0
    assert len(re.findall(r"^ +\d+  \d{4}-\d\d-\d\d \d\d:\d\d  ", shell.out, re.MULTILINE)) == 4
    assert shell("history", "--limit", "1") == 0
    assert re.findall(r"^ +(\d+)  ", shell.out, re.MULTILINE) == ["4"]

    assert shell("history", "demo/formula") == 0
    assert "exact at smoke: rates.violations + 1  > 5" in shell.out
    rows = [line for line in shell.out.splitlines() if re.match(r" +\d+  ", line)]
    assert [row.split()[-2:] for row in rows] == [*[["reproduced", "✓"]] * 3, ["✗", "FLIPPED"]], (
        "recording is a run too"
    )
    assert "0, exact, reproduced; the newest value is +1 away" in shell.out
    assert shell("history", "demo/blocks", "--item", "params[conv]") == 0
    assert shell.out.count("at smoke:") == 1

    assert shell("compare", "3", "4") == options.NOT_AS_RECORDED
    assert "reproduced → contradicted; another effect" in shell.out
    assert shell("compare", "3", "4", "--all") == options.NOT_AS_RECORDED
    assert "demo/blocks::params[conv]" in shell.out


def test_the_history_outlives_its_claims(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("run") == options.NOT_AS_RECORDED
    assert shell("history", "demo/formula") == 0
    assert "there is no baseline at tier smoke" in shell.out
    (shell.path / "claims" / "demo" / "formula.yaml").write_text("claim: broken\n")
    assert shell("history", "demo/formula") == 0
    assert "there is no such claim here any more" in shell.out
    assert shell("history", "demo/formula", "--claims", "elsewhere") == 0


def test_what_has_no_history(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    assert shell("history") == options.FAILED
    assert "there is no store" in shell.err
    assert not (shell.path / ".edgebench").exists(), "looking makes nothing"
    assert shell("compare", "last", "last~1") == options.FAILED
    assert shell("run", "-k", "formula") == options.NOT_AS_RECORDED
    assert shell("history", "demo/blocks") == options.NOTHING_SELECTED
    assert "edgebench run -k demo/blocks adds the first" in shell.err
    assert shell("history", "demo/formula", "--tier", "short") == options.NOTHING_SELECTED
    assert "there is exact at smoke" in shell.err
    assert shell("history", "--tier", "short") == options.NOTHING_SELECTED
    assert shell("history", "demo/formul") == options.FAILED
    assert "did you mean 'demo/formula'?" in shell.err
    assert shell("history", "--item", "exact") == options.USAGE
    assert shell("compare", "last", "7") == options.USAGE
    assert "no run is called '7'" in shell.err


def test_stores_and_versions_are_compared(shell: Shell) -> None:
    ours, theirs = shell.path / "ours.sqlite", shell.path / "theirs.sqlite"
    log_run(ours, result_of("gain", (1.0, 1.5, 2.0)), torch="2.9.0")
    log_run(ours, result_of("gain", (3.0, 3.5, 4.1)), torch="2.10.0")
    log_run(theirs, result_of("gain", (1.0, 1.5, 2.0)), result_of("new", (1.0,)))
    assert shell("compare", "torch=2.9.0", "torch=2.10.0", "--store", "ours.sqlite") == 0
    assert "1 moved" in shell.out
    assert shell("compare", "theirs.sqlite", "ours.sqlite@1") == 0
    assert "1 same" in shell.out
    assert "only in A: demo/trained::new at smoke" in shell.out
    other = shell.path / "other.sqlite"
    log_run(other, result_of("gain", (1.0,), tier="short"))
    assert shell("compare", "other.sqlite", "theirs.sqlite") == options.NOTHING_SELECTED


@pytest.mark.parametrize(
    "arguments", [["history"], ["history", "demo/trained"], ["compare", "1", "2"], ["compare", "1", "3"]]
)
def test_looking_back_imports_no_torch(shell: Shell, arguments: list[str]) -> None:
    """Nor scipy, unless an interval is to be computed."""
    shell.write(trained=roots.TRAINED)
    store = shell.path / ".edgebench" / "store.sqlite"
    for values in ((1.0, 2.0), (1.0, 2.0), (2.0, 2.5)):
        log_run(store, result_of("gain", values))
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    loaded = ["scipy"] if arguments[-1] == "3" else []
    assert done.stdout.endswith(f"loaded: {loaded} status: 0\n")
