"""Effects with given seeds, to be audited."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Claim, item_key
from edgebench.judge.audit.subject import Subject, subjects
from edgebench.judge.baseline import BaselineEffect, derive
from edgebench.judge.expectation import Expectation
from edgebench.judge.verdict import Verdict, judge_exact, judge_seeds
from edgebench.report.result import Baselines
from tests import roots

TOP = Path(__file__).parents[3]

TRAINED = """
    claim: A sensible learning rate learns more than a tiny one
    where: Figure 3
    settings:
      model: micronet
      data: {name: digits, train: 200, val: 100}
      epochs: 3
      batch: 8
      optimiser: {name: sgd, lr: 0.05}
    arms: {plain: {}, slow: {optimiser: {lr: 1.0e-6}}, slower: {optimiser: {lr: 1.0e-7}}}
    tiers: {smoke: {looks: LOOKS}}
    effects:
      gain: EFFECT
"""
EXACT = """
    claim: A larger kernel costs more
    where: Table 2
    kind: profile
    settings: {input: [1, 4, 8, 8]}
    arms:
      small: {model: {name: full-conv, kernel: 1}}
      large: {model: {name: full-conv, kernel: 3}}
    effects:
EFFECTS
"""


def trained(tmp_path: Path, effect: str, looks: str = "[5]", *, lint: str = "") -> Claim:
    """A claim of one effect, `gain`, over the arms `plain`, `slow` and `slower`."""
    text = TRAINED.replace("LOOKS", looks).replace("EFFECT", effect)
    return roots.load(tmp_path, text + (f"    lint: {lint}\n" if lint else ""))


def exact(tmp_path: Path, **effects: str) -> Claim:
    """A claim of exact effects over the arms `small` and `large`."""
    lines = "\n".join(f"      {key.replace('_', '-')}: {text}" for key, text in effects.items())
    return roots.load(tmp_path, EXACT.replace("EFFECTS", lines))


def audited(claim: Claim, values: Mapping[str, Sequence[float]]) -> list[Subject]:
    """The effects of a claim, by item, with a baseline of these values."""
    (name,) = claim.tiers
    found = []
    for case in claim.cases:
        for effect in case.effects.values():
            seen = values.get(item_key(effect.key, case.id))
            if seen is not None:
                stored = recorded(claim, effect.expect, effect.margin, seen)
                found.append(Subject(claim, case, case.tiers[name], effect, stored, tuple(seen), {}))
    return found


def recorded(claim: Claim, expect: Expectation, margin: float, values: Sequence[float]) -> BaselineEffect:
    if claim.exact:
        return derive(judge_exact(values[0], expect, margin))
    verdict = judge_seeds(values, expect, margin, (len(values),))
    assert isinstance(verdict, Verdict)
    return derive(verdict)


def noise(n: int, seed: int, mean: float = 0.0) -> tuple[float, ...]:
    draw = random.Random(seed)
    return tuple(mean + draw.gauss(0.0, 1.0) for _ in range(n))


def suite() -> list[Subject]:
    """This repository's own claims with their baselines."""
    return list(subjects(load_catalogue([TOP / "claims"]).claims, Baselines().get))
