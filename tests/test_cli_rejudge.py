"""`edgebench rejudge`: the store's records under claims that were changed since."""

from __future__ import annotations

import json
import random
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.metrics import METRICS
from edgebench.cli import options
from edgebench.errors import EdgebenchError
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial, trials_of
from tests import roots
from tests.run.stocked import IDENTITY
from tests.shell import Shell
from tests.test_cli import NO_TORCH

TOP = Path(__file__).parent.parent
CPU_SECONDS = 15.0  # about 2.5 on the machine that it was written on; any machine that runs tests has to do


def stock(path: Path, root: Path, claim: str, gains: list[float]) -> None:
    """Records of the trained claim of `roots` at the smoke tier, of which `plain` gains so much at each seed."""
    found = next(each for each in load_catalogue([root]).claims if each.id == claim)
    store = Store(path)
    for arm, trial in trials_of(found, found.cases[0].tiers["smoke"], ("plain", "slow"), range(len(gains))):
        measured = Measured({"top1": 50.0 + (gains[trial.seed] if arm == "plain" else 0.0)})
        store.finish(
            Record(trial.hash, Status.ok, measured, 1.0), IDENTITY, trial.describe(), trial.settings_json
        )
    store.close()


def test_a_margin_and_an_expectation_are_judged_anew(shell: Shell) -> None:
    shell.write(trained=roots.TRAINED, formula=roots.FORMULA)
    stock(shell.path / "s.sqlite", shell.path / "claims", "demo/trained", [3.0, 3.01])
    before = (shell.path / "s.sqlite").read_bytes()
    assert shell("rejudge", "--store", "s.sqlite") == options.NOT_AS_RECORDED, "there is no baseline"
    assert re.search(r"gain +3 points? +3\.005 .*reproduced", shell.out)
    assert "2 effects have no trials in the store and are left out" in shell.out
    shell.write(trained=roots.TRAINED.replace("margin: 0.5", "margin: 4"))
    assert shell("rejudge", "--store", "s.sqlite", "--json") == options.NOT_AS_RECORDED
    document = json.loads(shell.out)
    (item,) = document["items"]
    assert (item["verdict"], item["subtype"], item["margin"]) == ("contradicted", "negligible", 4)
    assert (item["trained"], item["cached"], item["n"]) == (0, 4, 2)
    assert (document["kind"], document["tiers"], document["exit_status"]) == ("rejudge", ["smoke"], 1)
    assert document["left_out"] == ["smoke: demo/formula::exact", "short: demo/trained::gain"]
    shell.write(trained=roots.TRAINED.replace('"> 0"', '"< 0"'))
    assert shell("rejudge", "--store", "s.sqlite", "-k", "trained", "-q") == options.NOT_AS_RECORDED
    assert "1 contradicted" in shell.out
    assert (shell.path / "s.sqlite").read_bytes() == before, "nothing is written"
    assert not list(shell.path.glob(".edgebench/*"))


def test_what_the_store_does_not_decide_is_pending(shell: Shell) -> None:
    shell.write(trained=roots.TRAINED, formula=roots.FORMULA)
    stock(shell.path / "s.sqlite", shell.path / "claims", "demo/trained", [3.0, -3.0, 3.0])
    assert shell("rejudge", "--store", "s.sqlite") == options.PENDING
    said = "demo/trained::gain is pending: 3 of the 4 seeds of its next look are in the store"
    assert said in shell.out
    assert shell("rejudge", "--store", "s.sqlite", "--tier", "smoke", "--json") == options.PENDING
    assert [each["verdict"] for each in json.loads(shell.out)["items"]] == ["pending", "pending"]
    shell.write(trained=roots.TRAINED.replace("[2, 4]", "[3]"))
    assert shell("rejudge", "--store", "s.sqlite", "-k", "trained") == options.NOT_AS_RECORDED
    assert "inconclusive" in shell.out, "with the looks changed, they do"


def test_nothing_to_judge(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("rejudge") == options.FAILED
    assert "there is no store" in shell.err
    assert not (shell.path / ".edgebench").exists()
    Store(shell.path / "s.sqlite").close()
    assert shell("rejudge", "--store", "s.sqlite") == options.NOTHING_SELECTED
    assert shell("rejudge", "--store", "s.sqlite", "--tier", "smokey") == options.USAGE
    assert "did you mean 'smoke'?" in shell.err
    shell.write(broken=roots.BROKEN)
    assert shell("rejudge", "--store", "s.sqlite") == options.FAILED
    assert "claims/demo/broken.yaml:5:1" in shell.err


def test_the_whole_suite_is_judged_within_seconds_and_without_torch(shell: Shell) -> None:
    shutil.copytree(TOP / "claims", shell.path / "claims")
    simulated(shell.path / "s.sqlite", shell.path / "claims")
    claim = shell.path / "claims" / "netaug" / "regularisers-hurt-tiny.yaml"
    text = claim.read_text(encoding="utf-8")
    assert "margin: 0.3" in text
    claim.write_text(text.replace("margin: 0.3", "margin: 30"), encoding="utf-8")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = NO_TORCH.replace(', "scipy"', "").replace('print("', 'print("\\n')  # scipy has Student's t
    command = [sys.executable, "-c", code, "rejudge", "--store", "s.sqlite", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.endswith("\nloaded: [] status: 1\n"), done.stderr
    document = json.loads(done.stdout.rpartition("\nloaded")[0])
    judged = {each["id"]: each["verdict"] for each in document["items"]}
    assert len(judged) > 300
    assert "pending" not in judged.values()
    assert judged["netaug/regularisers-hurt-tiny::mixup"] == "contradicted", "by the margin of the copy"
    assert used.ru_utime + used.ru_stime - spent.ru_utime - spent.ru_stime < CPU_SECONDS


def simulated(path: Path, root: Path) -> None:
    """A store with records of all trials of the smoke tier up to the last look, of made-up measurements."""
    store, written = Store(path), set[str]()
    with store.transaction() as db:
        for claim in load_catalogue([root]).claims:
            for case in claim.cases:
                tier = case.tiers.get("smoke")
                if tier is None:
                    continue
                try:
                    pairs = trials_of(claim, tier, tuple(tier.arms), range(tier.looks[-1]))
                except EdgebenchError:  # data or weights that are not here
                    continue
                for _, trial in pairs:
                    if trial.hash not in written:
                        written.add(trial.hash)
                        db.execute(
                            "INSERT INTO record VALUES (?, ?, 'ok', 1.0, ?, NULL, ?, '{}', 0.0, ?)",
                            (
                                trial.hash,
                                IDENTITY,
                                made_up(trial, tier.arms),
                                trial.describe(),
                                trial.settings_json,
                            ),
                        )
    store.close()


def made_up(trial: Trial, arms: Iterable[str]) -> str:
    draw = random.Random(trial.hash)
    names = METRICS[trial.kind]
    metrics = {name: draw.uniform(90, 99) for name in names if not name.startswith("curve.")}
    if trial.kind == "latency":
        metrics = {f"{arm}/{name}": draw.uniform(1, 2) for arm in arms for name in metrics}
    curves = {
        name.removeprefix("curve."): [draw.uniform(90, 99) for _ in range(60)]
        for name in names
        if name.startswith("curve.")
    }
    return json.dumps({"metrics": metrics, "curves": curves, "diverged": False})
