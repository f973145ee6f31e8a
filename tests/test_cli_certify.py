"""`edgebench certify`: a longer run beside the baseline, the words it puts beside verdicts, and its refusals."""

from __future__ import annotations

import json
import re

import pytest

from edgebench.cli import options
from edgebench.judge.certificate import load
from edgebench.report.certificates import Certificates
from tests import roots
from tests.shell import Shell

CLAIM = """
    claim: A sensible learning rate learns more than a tiny one
    where: Figure 3
    settings:
      model: micronet
      data: {name: digits, train: 100, val: 50}
      epochs: 2
      batch: 10
      optimiser: {name: sgd, lr: 0.05, momentum: 0.9}
    arms:
      plain: {}
      slow: {optimiser: {lr: 1.0e-6}}
    tiers:
      smoke: {looks: [2]}
    effects:
      gain: {value: plain.top1 - slow.top1, expect: "> -100", margin: 0.5}
      first: {value: "at(plain.curve.val_loss, 1)", expect: "> 0"}
"""


def test_a_longer_run_is_compared_kept_and_shown(shell: Shell) -> None:
    shell.write(claim=CLAIM, formula=roots.FORMULA)
    assert shell("baseline", "record", "--why", "first run") == 0
    assert shell("certify", "demo/claim", "--tier", "smoke", "--against", "2x", "--why", "seen once") == 0
    assert (
        "demo/claim::first names an epoch, which is another moment of a longer schedule: left out"
        in shell.out
    )
    path = shell.path / "certificates" / "smoke" / "demo" / "claim.yaml"
    found = load(path)
    assert (found.against, found.tier, list(found.effects)) == (2, "smoke", ["gain"])
    effect = found.effects["gain"]
    assert effect.short.seeds != effect.longer.seeds, "it was trained longer"
    assert shell("run", "-k", "claim", "--json") == 0
    items = {each["effect"]: each for each in json.loads(shell.out)["items"]}
    assert items["gain"]["certificate"] == f"2x: {effect.words}"
    assert items["gain"]["label"] == f"reproduced · proxy · 2x: {effect.words}"
    assert any("with schedules 2 times as long" in each for each in items["gain"]["said"])
    assert items["first"]["certificate"] is None
    assert items["gain"]["cached"] == 4, "the shortened trials are as they were"


def test_the_longer_run_is_no_run_of_the_tier(shell: Shell) -> None:
    shell.write(claim=CLAIM)
    assert shell("baseline", "record", "--why", "first run") == 0
    assert shell("history", "--json") == 0
    before = len(json.loads(shell.out)["runs"])
    assert shell("certify", "demo/claim", "--tier", "smoke", "--against", "2x", "--why", "seen once") == 0
    assert shell("history", "--json") == 0
    assert len(json.loads(shell.out)["runs"]) == before


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["demo/claim", "--tier", "smoke"], options.FAILED, "there is no baseline at tier smoke"),
        (["demo/formula", "--tier", "smoke"], options.FAILED, "its values depend on no schedule"),
        (["demo/claim", "--against", "1x"], options.USAGE, "--against 1x; expected 4x or the like"),
        (["demo/claim", "--against", "long"], options.USAGE, "expected 4x or the like"),
        (["demo/claim", "--tier", "paper"], options.USAGE, "a certificate of tier paper"),
        (["demo/clam"], options.FAILED, "no claim is called 'demo/clam'"),
    ],
)
def test_what_is_refused(shell: Shell, arguments: list[str], status: int, words: str) -> None:
    shell.write(claim=CLAIM, formula=roots.FORMULA)
    assert shell("certify", *arguments, "--why", "to see") == status
    assert words in re.sub(r"\s+", " ", shell.err)


def test_without_results_of_tier_paper_there_is_nothing_to_hold_against(shell: Shell) -> None:
    shell.write(claim=CLAIM)
    assert shell("baseline", "record", "--why", "first run") == 0
    status = shell("certify", "demo/claim", "--tier", "smoke", "--against", "paper", "--why", "to see")
    assert status == options.FAILED
    assert "there is no baseline at tier paper" in shell.err
    assert not Certificates().path(roots.load(shell.path / "claims", CLAIM), "smoke").exists()


def test_an_epoch_of_tier_paper_is_another_moment_too(shell: Shell) -> None:
    shell.write(
        claim=CLAIM.replace(
            "smoke: {looks: [2]}", "smoke: {looks: [2]}\n      paper: {looks: [2], epochs: 4}"
        )
    )
    for tier in ("smoke", "paper"):
        assert shell("baseline", "record", "--tier", tier, "--why", "first run") == 0
    arguments = ("certify", "demo/claim", "--tier", "smoke", "--against", "paper", "--why", "seen once")
    assert shell(*arguments) == 0
    assert "demo/claim::first names an epoch" in shell.out
    found = load(shell.path / "certificates" / "smoke" / "demo" / "claim.yaml")
    assert (found.against, list(found.effects)) == ("paper", ["gain"])
