"""Claims whose arms start from the weights of one pretraining, and scripts that pretend to make these."""

from __future__ import annotations

from typing import Any

from edgebench.claim.settings import TrainSettings
from edgebench.run.case import Judged
from edgebench.run.record import Measured, Status
from edgebench.run.session import Session
from edgebench.run.trial import Trial, resolve
from tests.run.bench import BETTER, CLEAR, Bench, epochs, text
from tests.run.scripted import Script, Scripted

WEIGHTS = b"weights of nine epochs"
FIRST = 9  # epochs of the pretraining, by which it is told from what starts from it
PRETRAIN = f"{{pretrain: {{data: digits, epochs: {FIRST}, optimiser: {{name: sgd, lr: 0.2}}}}}}"
BOTH = f"{{a: {{start: {PRETRAIN}}}, b: {{start: {PRETRAIN}, epochs: 3}}, c: {{epochs: 4}}}}"


def started_from(tier: str = "looks: [2, 4, 6]", effects: str = BETTER, arms: str = BOTH) -> str:
    """A claim whose arms a and b start from one pretraining; c, of 4 epochs, from nothing."""
    return text(tier, effects, arms)


def pretrained(script: Script = CLEAR, weights: bytes | Status = WEIGHTS) -> Script:
    """What a script says, and weights of the pretraining, or how it fails."""

    def outcome(trial: Trial) -> Measured | Status:
        if epochs(trial) != FIRST:
            return script(trial)
        assert trial.keeps
        return weights if isinstance(weights, Status) else Measured({"top1": 50.0}, artefact=weights)

    return outcome


def settle(
    bench: Bench, claim: Any, script: Script, **options: Any
) -> tuple[dict[str, Judged], Session, Scripted]:
    session, executor = bench.session(script, **options)
    judged = session.settle(session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"]))
    return judged, session, executor


def ran(executor: Scripted) -> list[tuple[int, int]]:
    """(epochs, seed) of what was started, in order."""
    return [(epochs(trial), trial.seed) for trial in executor.started]


def first_of(claim: Any) -> Trial:
    """The pretraining of arm a."""
    needs = resolve("train", claim.cases[0].tiers["smoke"].arms["a"]).needs
    assert needs is not None
    assert isinstance(needs.settings, TrainSettings)
    return needs
