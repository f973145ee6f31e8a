"""Sessions over one store, with a claim whose arms differ as a script says."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgebench.claim.claim import Claim
from edgebench.claim.settings import TrainSettings
from edgebench.run.case import Judged
from edgebench.run.record import Measured
from edgebench.run.session import Session
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.run.scripted import Script, Scripted

CLAIM = """
    claim: Some arms differ
    where: Table 1
    settings:
      {{model: micronet, data: digits, epochs: 2, batch: 16, optimiser: {{name: sgd, lr: 0.1}}}}
    arms: {arms}
    tiers: {{smoke: {{{tier}}}}}
    effects:
      {effects}
"""
ARMS = "{a: {}, b: {epochs: 3}, c: {epochs: 4}}"
BETTER = 'better: {value: a.top1 - b.top1, expect: "> 0", margin: 0.5}'
ALSO = 'also: {value: a.top1 - c.top1, expect: "> 0", margin: 0.5}'


def text(tier: str = "looks: [2, 4, 6]", effects: str = BETTER, arms: str = ARMS) -> str:
    return textwrap.dedent(CLAIM).format(tier=tier, effects=effects, arms=arms)


def epochs(trial: Trial) -> int:
    assert isinstance(trial.settings, TrainSettings)
    return trial.settings.epochs


def top1(**by_arm: Callable[[int], float]) -> Script:
    """Accuracy of each arm as a function of the seed."""
    arms = {2: "a", 3: "b", 4: "c"}
    return lambda trial: Measured({"top1": by_arm[arms[epochs(trial)]](trial.seed)})


CLEAR = top1(a=lambda seed: 90 + 0.1 * (seed % 2), b=lambda seed: 80.0, c=lambda seed: 70.0)
NOISY = top1(a=lambda seed: 90 + 5 * (-1) ** seed, b=lambda seed: 90.0, c=lambda seed: 70.0 + (seed % 2) / 10)


class Bench:
    """Opens sessions over one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: list[Session] = []

    def claim(self, claim: str, name: str = "claim") -> Claim:
        return roots.load(self.folder / "claims", claim, name)

    def session(self, script: Script, *, workers: int = 1, **options: Any) -> tuple[Session, Scripted]:
        executor = Scripted(script, workers)
        session = Session(Store(self.folder / "store.sqlite"), executor, **options)
        self.sessions.append(session)
        return session, executor

    def settled(self, claim: Claim, script: Script) -> tuple[dict[str, Judged], list[tuple[int, int]]]:
        """What became of the effects, and (epochs, seed) of what was run."""
        session, executor = self.session(script)
        judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
        return judged, [(epochs(trial), trial.seed) for trial in executor.started]
