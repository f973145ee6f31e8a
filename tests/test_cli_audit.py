"""`edgebench audit`: nothing is run, and what must not be is told by the exit status."""

from __future__ import annotations

import json
import subprocess
import sys

from edgebench.cli import options
from tests import roots
from tests.shell import Shell
from tests.test_cli import NO_TORCH

# A count is never below 0: the ranges of the metrics alone decide it.
VACUOUS = roots.FORMULA.replace('"== 0"', '"> -1"')


def test_an_audit_of_the_baselines_of_a_root(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    assert shell("audit") == options.NOTHING_SELECTED, "there is no baseline yet"
    assert shell("run") == options.NOT_AS_RECORDED
    assert shell("baseline", "record", "demo/formula", "--why", "first") == 0
    assert shell("audit") == 0
    assert shell.out.splitlines()[-1] == "1 effect, 3 mutants, no vacuous effects"
    assert shell("audit", "--quiet") == 0
    assert shell.out == "1 effect, 3 mutants, no vacuous effects\n"
    assert shell("audit", "--json", "-k", "formula") == 0
    document = json.loads(shell.out)
    assert document["items"][0]["id"] == "demo/formula::exact"
    assert shell("audit", "-k", "elsewhere") == options.NOTHING_SELECTED


def test_a_vacuous_effect_and_a_broken_claim(shell: Shell) -> None:
    shell.write(formula=VACUOUS)
    shell("run")
    assert shell("baseline", "record", "demo/formula", "--why", "first") == 0
    assert shell("audit") == options.NOT_AS_RECORDED
    assert "✗ demo/formula::exact at smoke is vacuous under 'possible values'" in shell.out
    assert shell("audit", "--json") == options.NOT_AS_RECORDED
    assert json.loads(shell.out)["exit_status"] == options.NOT_AS_RECORDED
    shell.write(broken=roots.BROKEN)
    assert shell("audit") == options.FAILED
    assert "claims/demo/broken.yaml:5:1" in shell.err


def test_a_baseline_that_cannot_be_read_is_not_passed_over(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    shell("run")
    assert shell("baseline", "record", "--why", "first") == 0
    shell.baseline("blocks").write_text("claim: demo/blocks\n")
    assert shell("audit") == options.FAILED
    assert shell.out.splitlines()[-1] == "1 effect, 3 mutants, no vacuous effects", "the others are audited"
    assert shell.err.count("blocks.yaml") == shell.err.count("\n"), "each problem once, on a line of its own"
    assert shell("audit", "-k", "blocks") == options.FAILED
    assert shell("audit", "-k", "formula") == 0


def test_with_a_store_all_metrics_are_known(shell: Shell) -> None:
    shell.write(blocks=roots.BLOCKS)
    shell("run")
    assert shell("baseline", "record", "demo/blocks", "--why", "first") == 0
    assert shell("audit", "--json") == 0
    without = json.loads(shell.out)["mutations"]["metric"]["mutants"]
    assert shell("audit", "--json", "--store", ".edgebench/store.sqlite") == 0
    assert json.loads(shell.out)["mutations"]["metric"]["mutants"] > without
    assert shell("audit", "--store", "nowhere.sqlite") == options.FAILED
    assert "there is no store" in shell.err
    assert not (shell.path / "nowhere.sqlite").exists()


def test_no_torch_is_imported(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, trained=roots.TRAINED)
    shell("run", "-k", "formula")
    shell("baseline", "record", "demo/formula", "--why", "first")
    code = NO_TORCH.replace('"torch", "torchvision", "scipy"', '"torch", "torchvision", "ray"')
    command = [sys.executable, "-c", code, "audit", "--store", ".edgebench/store.sqlite"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.endswith("loaded: [] status: 0\n")
