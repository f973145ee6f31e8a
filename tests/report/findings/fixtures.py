"""Claims with records of given values in a store, and what is found of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edgebench.claim.catalogue import Catalogue, load_catalogue
from edgebench.claim.settings import TrainSettings
from edgebench.report.findings.gather import gather
from edgebench.report.findings.model import AtTier, ClaimFindings, Findings, Item
from edgebench.run import environment
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial, trials_of
from tests import roots

IDENTITY = environment.identity()
BASELINE = """
claim: demo/trained
tier: smoke
recorded: {by: A. Reviewer, when: 2026-01-31, why: first recording}
environment: {device: cpu, torch: '2.9.0'}
effects:
  gain:
    verdict: inconclusive
    subtype: underpowered
    reason: Two seeds are few.
    value: 3
    interval: [0.4, 5.6]
    seeds: [2, 4]
    tolerance: 0.1
"""

# An effect of the Pareto front, over a matrix with two axes, and a trend over it.
FRONT = """
    claim: A wider network is worth its parameters
    where: Figure 1
    tags: [memory]
    note: A note of the claim.
    settings:
      model: micronet
      data: {name: digits, train: 200, val: 100}
      epochs: 3
      batch: 8
      optimiser: {name: sgd, lr: 0.05, momentum: 0.9}
    arms: {narrow: {model: {width: 0.5}}, wide: {model: {width: 2}}, wider: {model: {width: 4}}}
    tiers: {smoke: {looks: [2]}}
    matrix:
      data.train: [100, 200]
      seen:
        once: {settings: {epochs: 1}}
        often: {settings: {epochs: 4}}
    effects:
      on-front: {value: "front(wide, narrow, wider, gain=top1, cost=params)", expect: "> 0"}
      gain: {value: wide.top1 - narrow.top1, expect: "> 0", margin: 0.5, published: 2.5}
    trends:
      with-images: {effect: gain, along: data.train, expect: "> 0"}
"""


def script(trial: Trial) -> Measured:
    """An accuracy that grows with the rate, the width and the images, and a little with the seed."""
    settings = trial.settings
    assert isinstance(settings, TrainSettings)
    width = settings.model.width or 1
    learnt = 20.0 if settings.optimiser.lr > 0.001 else 0.0
    images = (settings.data.train or 0) / 100
    top1 = 10 + learnt + 3 * min(width, 2) * images + 0.25 * trial.seed
    curve = tuple(top1 * (epoch + 1) / settings.epochs for epoch in range(settings.epochs))
    metrics = {"top1": top1, "params": 1000.0 * width, "macs": 5.0, "model_bytes": 4000.0 * width}
    return Measured(metrics, {"val_top1": curve, "lr": (0.05,) * settings.epochs})


def stocked(path: Path, catalogue: Catalogue, claim: str, seeds: int, tier: str = "smoke") -> None:
    """Add the records of all of a claim's trials at a tier over the first seeds."""
    found = next(each for each in catalogue.claims if each.id == claim)
    facts = {
        "identity": IDENTITY,
        "state": {"when": "2026-02-01T10:00:00+00:00", "load": 0.5, "python": "3.11"},
    }
    with closing(Store(path)) as store:
        for case in found.cases:
            at = case.tiers[tier]
            for _, trial in trials_of(found, at, tuple(at.arms), range(seeds)):
                record = Record(trial.hash, Status.ok, script(trial), 10.0, environment=dict(facts))
                store.finish(
                    record, environment.identity_key(IDENTITY), trial.describe(), trial.settings_json
                )


def findings(folder: Path, *tiers: str, seeds: int = 2, baseline: str = "", **claims: str) -> Findings:
    """What is found of claims, of which `trained` and `front` have the records of so many seeds at the smoke tier."""
    roots.write(folder / "claims", **claims)
    if baseline:
        path = folder / "baselines" / "smoke" / "demo" / "trained.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(baseline)
    catalogue = load_catalogue([folder / "claims"])
    store = folder / "store.sqlite"
    for name in ("trained", "front"):
        if name in claims and seeds:
            stocked(store, catalogue, f"demo/{name}", seeds)
    if not store.is_file():
        return gather(catalogue, catalogue.claims, tiers, store=None)
    with closing(Store(store)) as opened:
        return gather(catalogue, catalogue.claims, tiers, store=opened)


def the_claim(found: Findings, name: str = "demo/trained") -> ClaimFindings:
    (claim,) = [each for each in found.claims() if each.id == name]
    return claim


def the_tier(found: Findings, name: str = "demo/trained", tier: str = "smoke") -> AtTier:
    (at,) = [each for each in the_claim(found, name).tiers if each.name == tier]
    return at


def the_item(found: Findings) -> Item:
    (item,) = the_tier(found).items
    return item
