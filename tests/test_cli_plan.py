"""`edgebench plan`: before a run, after it, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

from edgebench.cli import options
from tests import roots
from tests.shell import Shell
from tests.test_cli import NO_TORCH


def test_before_and_after_a_run(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, trained=roots.TRAINED)
    assert shell("plan") == 0
    assert "demo/trained: A sensible learning rate learns more than a tiny one" in shell.out
    assert "0 of 2, 4" in shell.out
    assert "trials: 0 in the store; to run: 5 up to the next looks, 9 expected, 9 at most" in shell.out
    assert not (shell.path / ".edgebench").exists(), "a plan leaves nothing behind"
    assert shell("run", "-k", "formula") == options.NOT_AS_RECORDED
    assert shell("plan") == 0
    assert "effects: 2, of which 1 have a verdict already" in shell.out
    assert shell("plan", "-k", "formula") == 0
    assert "nothing has to be run" in shell.out
    assert shell("plan", "--seeds", "8", "-k", "trained", "--workers", "3") == 0
    assert "0 of 8 " in shell.out
    assert "time on 3 workers: unknown" in shell.out


def test_wrong_values_nothing_selected_and_broken_claims(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("plan", "--seeds", "1") == options.USAGE
    assert shell("plan", "--tier", "smokey") == options.USAGE
    for arguments in (["-k", "elsewhere"], ["--tier", "paper"]):
        assert shell("plan", *arguments) == options.NOTHING_SELECTED
        assert "no claim was selected" in shell.err
    assert shell("plan", "--claims", "nowhere") == options.FAILED
    shell.write(broken=roots.BROKEN)
    assert shell("plan") == options.FAILED
    assert "demo/formula" in shell.out
    assert "claims/demo/broken.yaml:5:1" in shell.err
    (shell.path / "file").write_text("in the way")
    assert shell("plan", "--store", "file") == options.FAILED
    assert shell.err.startswith("edgebench: store file: ")


def test_explaining_is_of_what_is_stored_too(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("run") == options.NOT_AS_RECORDED
    assert shell("explain", "demo/formula") == 0
    assert "exact: reproduced when the value is 0, contradicted when it is not" in shell.out
    assert "trials: 1 in the store" in shell.out
    assert "nothing has to be run" in shell.out


def test_planning_imports_no_torch(shell: Shell) -> None:
    """With a forecast to make, for which a baseline gives the values."""
    shell.write(trained=roots.TRAINED)
    path = shell.baseline("trained")
    path.parent.mkdir(parents=True)
    path.write_text(BASELINE)
    code = NO_TORCH.replace('"torch", "torchvision", "scipy"', '"torch", "torchvision", "ray"')
    done = subprocess.run(
        [sys.executable, "-c", code, "plan"], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.endswith("loaded: [] status: 0\n")
    assert " %\n" in done.stdout, "there was a forecast"
    assert "*" in done.stdout
    done = subprocess.run(
        [sys.executable, "-c", code, "explain", "demo/trained"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.endswith("loaded: [] status: 0\n")


BASELINE = """
claim: demo/trained
tier: smoke
recorded: {by: A. Reviewer, when: 2026-01-31, why: first recording}
effects:
  gain:
    verdict: reproduced
    value: 3
    interval: [0.5, 5.5]
    seeds: [2, 4, 3, 3.5, 2.5]
    tolerance: 0.1
    trial_seconds: 0.7
"""
