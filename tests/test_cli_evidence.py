"""`edgebench evidence` and `verify`: a file made in one checkout, verified in another without store, data or torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgebench.cli import options
from tests import roots
from tests.evidence import fixtures
from tests.shell import Shell
from tests.test_cli import NO_TORCH


@pytest.fixture
def stocked(shell: Shell) -> Shell:
    fixtures.store(shell.path / "s.sqlite", fixtures.root(shell.path))
    return shell


def exported(shell: Shell) -> Path:
    assert shell("evidence", "demo/trained", "--store", "s.sqlite", "--output", "e.zip") == 0
    return shell.path / "e.zip"


def test_made_here_and_verified_elsewhere(
    stocked: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = exported(stocked)
    assert stocked.out.startswith("e.zip: 1 verdict of 1 claim with 6 records, 13 members\nsha256 ")
    digest = stocked.out.split()[-1]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    fixtures.root(elsewhere)
    (elsewhere / "e.zip").write_bytes(path.read_bytes())
    monkeypatch.chdir(elsewhere)
    command = [sys.executable, "-c", NO_TORCH.replace(', "scipy"', ""), "verify", "e.zip"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.endswith("loaded: [] status: 0\n"), "nor is it by the statistics"
    assert f"sha256 {digest}" in done.stdout
    assert "6 trials' hashes and 2 verdicts were computed again" in done.stdout
    assert "e.zip: verified; unchanged since it was written, which does not say by whom" in done.stdout
    assert "other here" not in done.stdout
    assert not (elsewhere / ".edgebench").exists()


def test_what_is_other_here_is_said(stocked: Shell) -> None:
    exported(stocked)
    fixtures.root(stocked.path, fixtures.TRAINED.replace("margin: 0.5", "margin: 5"))
    assert stocked("verify", "e.zip") == 0, "it speaks of the claim that it holds"
    assert "other here: claims/demo/trained.yaml is another here" in stocked.out
    assert "gain is reproduced in the bundle, and contradicted by the claim as it is here" in stocked.out


def test_what_was_changed_or_does_not_follow(stocked: Shell) -> None:
    path = exported(stocked)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"top1": 53.0', b'"top1": 54.0', 1))
    assert stocked("verify", "e.zip") == options.FAILED
    assert stocked.err.startswith("edgebench: e.zip: the bundle is damaged: ")
    forged = fixtures.changed(content, "claims/demo/trained.yaml", lambda text: text.replace(b"0.5", b"5"))
    path.write_bytes(forged)
    assert stocked("verify", "e.zip") == options.NOT_AS_RECORDED
    assert "does not follow: demo/trained at smoke: it states that 'gain' is reproduced" in stocked.out
    assert "e.zip: not verified" in stocked.out


def test_what_cannot_be_exported(stocked: Shell) -> None:
    def refused(*arguments: str) -> str:
        assert stocked("evidence", *arguments, "--output", "e.zip") in (options.FAILED, options.USAGE)
        assert not (stocked.path / "e.zip").exists()
        return stocked.err

    assert "there is no store" in refused("demo/trained")
    assert "did you mean 'demo/trained'?" in refused("demo/traind", "--store", "s.sqlite")
    assert "did you mean 'smoke'?" in refused("demo/trained", "--store", "s.sqlite", "--tier", "smokey")
    stocked.write(formula=roots.FORMULA)
    assert "the store has nothing of demo/formula" in refused("demo/formula", "--store", "s.sqlite")
    assert "the store has nothing of demo/trained at short" in refused(
        "demo/trained", "--store", "s.sqlite", "--tier", "short"
    )
    assert stocked("verify", "missing.zip") == options.FAILED
    assert "missing.zip: cannot be read: No such file or directory" in stocked.err
    (stocked.path / "x.zip").write_text("no bundle")
    assert stocked("verify", "x.zip") == options.FAILED
    assert "x.zip: is no evidence bundle; expected a file that `edgebench evidence` wrote" in stocked.err
