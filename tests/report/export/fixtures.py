"""A store with trials and a run that rests on them, without anything being run."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edgebench.claim.claim import Claim
from edgebench.report.export.content import Content, chosen, with_trials
from edgebench.report.sides import find_side
from edgebench.run import environment
from edgebench.run.record import Measured
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.report.fixtures import log_run, result_of
from tests.run.stocked import stock

VALUES = (2.0, 3.5)
CURVE = (40.0, 55.5, 60.25)


def script(trial: Trial) -> Measured:
    """A training whose accuracy is told by its seed and, through the learning rate, by its arm."""
    slow = '"lr":1e-06' in trial.settings_json
    top1 = 10.0 if slow else 10.0 + VALUES[trial.seed]
    return Measured({"top1": top1, "val_loss": 0.5}, {"val_top1": CURVE})


def stocked(folder: Path, arms: tuple[str, ...] = ("plain", "slow")) -> tuple[Path, Claim]:
    """A store under `folder` and the claim that its results are of, which is written there too."""
    claim = roots.load(folder / "claims", roots.TRAINED, "trained")
    path = folder / "store.sqlite"
    stock(path, claim, script, arms, range(2)).close()
    label = "reproduced · proxy"
    gain = result_of("gain", VALUES, label=label, low=-1.0, high=6.5, expected=RECORDED)
    log_run(
        path, gain, result_of("params[conv]", (128.0,), claim="demo/blocks"), identity=environment.identity()
    )
    return path, claim


RECORDED = {
    "verdict": "reproduced", "subtype": None, "value": 2.5, "tolerance": 0.75, "interval": [1.0, 4.0],
    "seeds": [2.0, 3.0],
}  # fmt: skip


def content(folder: Path) -> Content:
    """All of the stocked store."""
    path, claim = stocked(folder)
    with closing(Store(path)) as store:
        return with_trials(chosen(find_side(None, path)), [claim], store)
