"""A claims root in a temporary folder, and claim files that are valid or broken in one place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.claim.loader import load_claim
from edgebench.claim.problems import ClaimFileError, Problem

PAPER = "title: A paper\nauthors: [A. Author]\nyear: 2024\nlink: https://example.org\n"

# Positions in the tests count lines of this text.
TRAIN = """\
claim: Mixup lowers the accuracy of a tiny network
where: Table 3
tags: [accuracy]
settings:
  optimiser: {name: sgd, lr: 0.1}
  model: micronet
arms:
  plain: {}
  mixup: {augment: {mixup: {alpha: 0.2}}}
tiers:
  smoke:
    data: digits
    epochs: 2
    looks: [3, 5]
    floor: {top1: 50}
effects:
  mixup:
    value: plain.top1 - mixup.top1
    expect: "> 0"
    margin: 0.3
    published: 0.7
"""

PROFILE = """\
claim: A narrow network has fewer parameters
where: Table 1
kind: profile
settings: {input: [1, 3, 32, 32]}
arms:
  full: {model: {name: micronet, width: 1}}
  half: {model: {name: micronet, width: 0.5}}
effects:
  fewer: {value: full.params - half.params, expect: "> 0"}
"""

PROPERTY = """\
claim: The backward pass is what the paper says
where: Equation 2
kind: property
arms:
  check: {name: signed-backward, cases: 10}
effects:
  holds: {value: check.violations, expect: "== 0"}
"""

MATRIX = """\
claim: A narrow network has fewer parameters
where: Table 1
kind: profile
settings: {input: [1, 3, 32, 32]}
arms:
  full: {model: {name: micronet, width: 1}}
  half: {model: {name: micronet, width: 0.5}}
matrix:
  input:
    small: {settings: {input: [1, 3, 8, 8]}}
    large:
      settings: {input: [1, 3, 64, 64]}
      effects:
        fewer: {published: 2}
  classes: [10, 100]
effects:
  fewer: {value: full.params - half.params, expect: "> 0"}
"""

# `matrix:` stands at line 15 of this, `trends:` at line 22.
TRENDS = """\
claim: Mixup harms less with more images
where: Figure 5
settings:
  data: {name: digits, val: 100}
  model: micronet
  optimiser: {name: sgd, lr: 0.1}
arms:
  plain: {}
  mixup: {augment: {mixup: {alpha: 0.2}}}
tiers:
  smoke:
    epochs: 1
    looks: [3, 5]
    floor: {top1: 5}
matrix:
  data.train: [100, 200, 400]
  model.width: [0.25, 0.5]
effects:
  deficit:
    value: plain.top1 - mixup.top1
    expect: "> 0"
trends:
  with-data:
    effect: deficit
    along: data.train
    expect: "< 0"
    margin: 0.1
    published: -0.5
    note: of the figure
  with-width: {effect: deficit, along: model.width, expect: "< 0", scale: linear}
"""

VALID = {"train": TRAIN, "profile": PROFILE, "property": PROPERTY, "matrix": MATRIX, "trends": TRENDS}


class Root:
    """A claims root with one paper; writes files into it and loads the claim `paper/c.yaml`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("paper/paper.yaml", PAPER)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str):
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        else:
            path.write_bytes(text)
        return path

    def recipe(self, name: str, text: str, *, shared: bool = False) -> Path:
        return self.write(f"recipes/{name}.yaml" if shared else f"paper/recipes/{name}.yaml", text)

    def load(self, text: str | bytes) -> Claim:
        return load_claim(self.write("paper/c.yaml", text))

    def problems(self, text: str | bytes) -> list[Problem]:
        with pytest.raises(ClaimFileError) as caught:
            self.load(text)
        assert caught.value.problems
        return list(caught.value.problems)

    def the_problem(self, text: str | bytes) -> Problem:
        problems = self.problems(text)
        assert len(problems) == 1, [str(problem) for problem in problems]
        return problems[0]


def place(problem: Problem) -> tuple[str, int, int]:
    """(file name, line, column)"""
    return Path(problem.mark.file).name, problem.mark.line, problem.mark.column


def changed(text: str, old: str, new: str) -> str:
    """`text` with its one `old` replaced."""
    assert text.count(old) == 1, f"{text.count(old)} times: {old!r}"
    return text.replace(old, new)
