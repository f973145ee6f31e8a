"""A claim with trends from end to end: planned, run, recorded, judged again and reported, by both doors."""

from __future__ import annotations

import pytest

from edgebench.judge.baseline_file import load
from tests.pytest_root import Root
from tests.shell import Shell

CLAIM = """
    claim: A sensible rate learns more, the more images there are
    where: Figure 3
    settings:
      model: micronet
      data: {name: digits, val: 100}
      epochs: 1
      batch: 16
      optimiser: {name: sgd, lr: 0.05, momentum: 0.9}
    arms:
      plain: {}
      slow: {optimiser: {lr: 1.0e-6}}
    tiers:
      smoke: {looks: [2, 3], floor: {top1: 5}}
    matrix:
      data.train: [50, 200]
      model.width: [0.25, 0.5]
    effects:
      gain: {value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5}
    trends:
      with-data: {effect: gain, along: data.train, expect: "> 0", margin: 0.1, published: 2}
      with-width: {effect: gain, along: model.width, expect: "> 0", scale: linear}
"""


def slopes(gains: dict[str, list[float]]) -> list[float]:
    """Per seed: with two sizes, the mean difference between them over the doublings, here two."""
    few, many = ([gains[f"gain[train={size},width={width}]"] for width in (0.25, 0.5)] for size in (50, 200))
    seeds = zip(*few, *many, strict=True)
    return [((c - a) + (d - b)) / 2 / 2 for a, b, c, d in seeds]


def test_by_the_command_line(shell: Shell) -> None:
    shell.write(trends=CLAIM)
    assert shell("list") == 0
    assert shell.out.splitlines()[-1].split()[3] == "6"
    assert shell("explain", "demo/trends") == 0
    assert "trends over all 4 cases" in shell.out
    assert "slope of gain (plain.top1 - slow.top1) per doubling of data.train" in shell.out
    assert "plain[train=" not in shell.out
    assert shell("plan") == 0
    assert "trials: 0 in the store; to run: 16 up to the next looks" in " ".join(shell.out.split())
    assert shell("run", "--seeds", "2") in (0, 1)
    _, _, drawn = shell.out.partition("demo/trends gain, points: data.train down, model.width across\n")
    assert [line.split()[0] for line in drawn.splitlines()[:3]] == ["0.25", "50", "200"]
    assert shell("baseline", "record", "demo/trends", "--why", "a test") == 0
    stored = load(shell.baseline("trends")).effects
    assert len(stored) == 6
    gains = {item: list(effect.seeds) for item, effect in stored.items() if item.startswith("gain")}
    n = min(len(each) for each in [*gains.values(), stored["with-data"].seeds])
    assert list(stored["with-data"].seeds)[:n] == pytest.approx(
        slopes({item: seeds[:n] for item, seeds in gains.items()}), abs=1e-5
    )
    assert shell("run", "-k", "with-data") == 0
    assert "with-data" in shell.out
    assert "nothing had to be run" in shell.out
    assert "\x1b[" not in shell.out
    assert shell("history", "demo/trends", "--item", "with-data") == 0
    assert "with-data at smoke: slope of gain" in shell.out
    assert shell("compare", "last~1", "last") == 0


def test_by_pytest(root: Root) -> None:
    root.write(trends=CLAIM)
    collected = root.run("--collect-only", "-q")
    assert [line.rpartition("::")[2] for line in collected.outlines if "::" in line] == [
        "gain[train=50,width=0.25]", "gain[train=50,width=0.5]", "gain[train=200,width=0.25]",
        "gain[train=200,width=0.5]", "with-data", "with-width",
    ]  # fmt: skip
    alone = root.run("-k", "with-data")
    alone.assert_outcomes(failed=1, deselected=5)
    alone.stdout.fnmatch_lines(
        [
            "*no baseline: demo/trends::with-data at tier smoke",
            "claims/demo/trends.yaml:20:3",
            "effect: slope of gain (plain.top1 - slow.top1) per doubling of data.train  > 0  margin 0.1",
            "published*2 points per doubling*",
        ]
    )
    trained = {trial for trial, _ in root.trained()}
    assert len(trained) in (16, 24)  # two arms of four cases, over two or three seeds
    root.record()
    green = root.run()
    green.assert_outcomes(passed=6)
    green.stdout.fnmatch_lines(["demo/trends gain, points: data.train down, model.width across"])
    assert trained <= {trial for trial, _ in root.trained()}


def test_a_reference_below_its_floor_makes_the_trend_invalid(shell: Shell) -> None:
    shell.write(trends=CLAIM.replace("floor: {top1: 5}", "floor: {top1: 99.5}"))
    assert shell("run", "-k", "trends") == 1
    assert "invalid · proxy: demo/trends::with-data at tier smoke" in shell.out
    assert "the reference arm 'plain[train=50,width=0.25]' has top1" in shell.out
    assert "V invalid" in shell.out
