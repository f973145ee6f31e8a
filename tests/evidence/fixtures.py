"""A bundle of a trained claim, whose records were made up, and of an exact one."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from edgebench.claim.catalogue import load_catalogue
from edgebench.evidence.archive import unpack
from edgebench.evidence.bundle import MANIFEST, SEAL, sealed
from edgebench.evidence.canonical import dumps
from edgebench.evidence.collect import Collection
from edgebench.run import environment
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import trials_of
from tests import roots
from tests.run.stocked import IDENTITY

GAINS = (3.0, 3.01, 2.9)
RECIPE = """
    model: micronet
    data: {name: digits, train: 200, val: 100}
    epochs: 3
    batch: 8
    optimiser: {name: sgd, lr: 0.05, momentum: 0.9}
"""
TRAINED = """
    claim: A sensible learning rate learns more than a tiny one
    where: Figure 3
    recipe: rates
    arms: {plain: {}, slow: {optimiser: {lr: 1.0e-6}}}
    tiers: {smoke: {looks: [2, 4]}}
    effects:
      gain: {value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5, published: 3}
      loss: {value: slow.val_loss - plain.val_loss, expect: "> 0"}
"""


def root(folder: Path, trained: str = TRAINED) -> Path:
    """A root with the claim `demo/trained`, its recipe and its baseline."""
    made = roots.write(folder / "claims", trained=trained)
    (made / "demo" / "recipes").mkdir(exist_ok=True)
    (made / "demo" / "recipes" / "rates.yaml").write_text(RECIPE, encoding="utf-8")
    baseline = folder / "baselines" / "smoke" / "demo" / "trained.yaml"
    baseline.parent.mkdir(parents=True, exist_ok=True)
    baseline.write_text("a baseline, byte for byte\n", encoding="utf-8")
    return made


def store(path: Path, claims: Path) -> Path:
    """A store with three seeds of it: enough for `gain`, not for `loss`."""
    (claim,) = load_catalogue([claims]).claims
    facts: dict[str, Any] = {"identity": environment.identity(), "state": {"python": "3.11"}}
    with closing(Store(path)) as opened:
        for arm, trial in trials_of(
            claim, claim.cases[0].tiers["smoke"], ("plain", "slow"), range(len(GAINS))
        ):
            gain, noise = (GAINS[trial.seed], 0.0) if arm == "plain" else (0.0, (-1.0) ** trial.seed)
            metrics = {"top1": 50.0 + gain, "val_loss": 1.0 + noise}
            measured = Measured(metrics, {"val_top1": (1.0, 2.5)}, correct=b"\x0f")
            record = Record(trial.hash, Status.ok, measured, 1.0, environment=facts)
            opened.finish(record, IDENTITY, trial.describe(), trial.settings_json)
    return path


def content(folder: Path) -> bytes:
    """The bytes of the bundle of `demo/trained`."""
    claims = root(folder)
    (claim,) = load_catalogue([claims]).claims
    with closing(Store(store(folder / "store.sqlite", claims))) as opened:
        collection = Collection(opened, "cpu", lambda text: None)
        collection.add(claim)
        return collection.sealed()


def changed(bundle: bytes, name: str, change: Callable[[Any], Any]) -> bytes:
    """The bundle with a member changed and all digests made anew.

    Args:
        change: changes JSON in place; of other members, returns the bytes for those that it is given.
    """
    members = unpack(bundle, "bundle")
    if name.endswith(".json"):
        value = json.loads(members[name])
        change(value)
        members[name] = dumps(value)
    else:
        members[name] = change(members[name])
    return resealed(members)


def resealed(members: dict[str, bytes]) -> bytes:
    """The bundle of these members with a manifest that fits them, as a forger writes it."""
    about = json.loads(members[MANIFEST])
    rest = {name: each for name, each in members.items() if name not in (MANIFEST, SEAL)}
    return sealed({key: about[key] for key in ("edgebench", "commit", "dirty", "environment")}, rest)
