"""`edgebench export`: what the store has, in other tools' formats."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from edgebench.cli import options
from tests import roots
from tests.report.export.fixtures import stocked
from tests.shell import Shell
from tests.test_cli import NO_TORCH

STORE = ("--store", "store.sqlite")


@pytest.fixture
def full(shell: Shell) -> Shell:
    """A folder with a stocked store, and the claim that its results are of."""
    stocked(shell.path)
    return shell


def test_json_with_trials(full: Shell) -> None:
    assert full("export", "out/results.json", *STORE) == 0
    found = json.loads((full.path / "out" / "results.json").read_text(encoding="utf-8"))
    assert (len(found["items"]), len(found["trials"])) == (2, 4)
    assert full.out == ""
    assert full.err.splitlines()[0] == "edgebench: demo/blocks is no claim here; its trials are left out"
    assert full.err.splitlines()[1].startswith("out/results.json: 2 items and 4 trials (run 1, ")


def test_tables(full: Shell) -> None:
    assert full("export", "items.csv", *STORE, "-k", "gain") == 0
    with (full.path / "items.csv").open(encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["demo/trained::gain"]
    assert full("export", "--format", "csv", "--table", "trials", "-", *STORE) == 0
    assert len(full.out.splitlines()) == 5
    assert full("export", "junit.xml", *STORE, "--of", "last", "--tier", "smoke") == 0
    assert len(list(ET.parse(full.path / "junit.xml").iter("testcase"))) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["x"], options.USAGE, "'x' does not say in which format"),
        (["x.csv", "--table", "runs"], options.USAGE, "csv has no table 'runs'"),
        (["--format", "cvs", "x"], options.USAGE, "no format is called 'cvs'"),
        (["x.csv", "--of", "77"], options.USAGE, "store.sqlite: no run is called '77'"),
        (["x.csv", "--tier", "papers"], options.USAGE, "no tier is called 'papers'"),
        (["x.csv", "--tier", "paper"], options.NOTHING_SELECTED, "no result was selected"),
        (["x.csv", "-k", "nothing"], options.NOTHING_SELECTED, "no result was selected"),
        (["claims"], options.USAGE, "'claims' does not say in which format"),
        (["--format", "json", "claims"], options.FAILED, "claims: is a folder; expected a file"),
        (["--format", "json", "x", "--claims", "nowhere"], options.FAILED, "nowhere: no such file or folder"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    full: Shell, arguments: list[str], status: int, message: str
) -> None:
    before = sorted(full.path.iterdir())
    assert full("export", *arguments, *STORE) == status
    assert message in full.err
    assert full.err.count("\n") == 1
    assert sorted(full.path.iterdir()) == before


def test_without_a_store(shell: Shell) -> None:
    assert shell("export", "x.csv") == options.FAILED
    assert "there is no store" in shell.err
    assert not (shell.path / ".edgebench").exists()


def test_a_broken_claim_is_never_passed_over(full: Shell) -> None:
    full.write(broken=roots.BROKEN)
    assert full("export", "x.json", *STORE) == options.FAILED
    assert "claims/demo/broken.yaml:5:1" in full.err
    assert len(json.loads((full.path / "x.json").read_text(encoding="utf-8"))["trials"]) == 4


def test_exporting_imports_no_torch(full: Shell) -> None:
    code = NO_TORCH.replace(', "scipy"', "")
    command = [sys.executable, "-c", code, "export", "x.json", *STORE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "loaded: [] status: 0\n"
