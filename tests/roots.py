"""Writes small roots of claims for tests: trials that take milliseconds, and trainings that take tenths of a second."""

from __future__ import annotations

import textwrap
from pathlib import Path

from edgebench.claim.claim import Claim
from edgebench.claim.loader import load_claim

PAPER = """
    title: A demonstration
    authors: [A. Nobody]
    year: 2020
    link: https://example.org
"""

# Exact, and quick: counts violations of a formula that holds.
FORMULA = """
    claim: The schedule follows its formula
    where: Equation 1
    kind: property
    tags: [formula]
    settings: {name: cosine-schedule, cases: 3}
    arms: {rates: {}}
    effects:
      exact: {value: rates.violations, expect: "== 0"}
"""

# Two cases, two effects each; the published order is wrong on purpose in one of them.
BLOCKS = """
    claim: A larger kernel costs more
    where: Table 2
    kind: profile
    tags: [memory]
    settings: {input: [1, 4, 8, 8]}
    matrix:
      block:
        relu: {arms: {small: {model: relu}, large: {model: relu6}}}
        conv:
          arms:
            small: {model: {name: full-conv, kernel: 1}}
            large: {model: {name: full-conv, kernel: 3}}
    effects:
      params: {value: large.params - small.params, expect: "> 0", published: 128}
      macs: {value: large.macs - small.macs, expect: "> 0"}
"""

# A rate at which three epochs learn a good deal against one at which it learns nothing.
TRAINED = """
    claim: A sensible learning rate learns more than a tiny one
    where: Figure 3
    tags: [accuracy, on-device]
    settings:
      model: micronet
      data: {name: digits, train: 200, val: 100}
      epochs: 3
      batch: 8
      optimiser: {name: sgd, lr: 0.05, momentum: 0.9}
    arms:
      plain: {}
      slow: {optimiser: {lr: 1.0e-6}}
    tiers:
      smoke: {looks: [2, 4]}
      short: {looks: [2, 4], epochs: 4}
    effects:
      gain: {value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5, published: 3}
"""

# A misspelt key in line 5.
BROKEN = "claim: It has a mistake\nwhere: here\nkind: property\narms: {a: {}}\nefects: {}\n"


def write(root: Path, **claims: str) -> Path:
    """Write a root with one paper, `demo`; keywords are file names with '_' for '-'. Returns the root."""
    folder = root / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "paper.yaml").write_text(textwrap.dedent(PAPER).lstrip(), encoding="utf-8")
    for name, text in claims.items():
        path = folder / f"{name.replace('_', '-')}.yaml"
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return root


def load(root: Path, text: str, name: str = "claim") -> Claim:
    """Write a claim and load it."""
    return load_claim(write(root, **{name: text}) / "demo" / f"{name.replace('_', '-')}.yaml")
