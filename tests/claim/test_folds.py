"""Cross-validated arms: the folds that they become, what effects read of them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from edgebench.claim.expression import parse
from edgebench.claim.folds import in_folds
from edgebench.claim.settings import TrainSettings
from edgebench.errors import ExpressionError
from tests.claim.fixtures import TRAIN, TRENDS, Root, changed, place

FOLDED = changed(TRAIN, "plain: {}", "plain: {data: {folds: 3}}")
SPREAD = "max(plain.folds.top1) - min(plain.folds.top1)"
DATASET = """\
claim: It has so many images
where: Table 1
kind: dataset
arms:
  all: {data: {name: digits, folds: 3}}
effects:
  images: {value: all.images, expect: "== 1"}
"""
PRETRAIN = """\
    pretrain:
      optimiser: {name: sgd, lr: 0.1}
      epochs: 1
"""


def of(value: str, text: str = FOLDED) -> str:
    return changed(text, "plain.top1 - mixup.top1", value)


def start(data: str, *lines: str) -> str:
    """The claim, with a pretraining of more lines: `pretrain:` stands at line 8, they from line 11 on."""
    more = "".join(f"      {line}\n" for line in lines)
    text = changed(TRAIN, "data: digits", f"data: {data}")
    return changed(text, "arms:\n", f"  start:\n{PRETRAIN}{more}arms:\n")


class TestArms:
    def test_become_one_for_each_fold(self, root: Root) -> None:
        tier = root.load(FOLDED).cases[0].tiers["smoke"]
        assert list(tier.arms) == ["plain/1", "plain/2", "plain/3", "mixup"]
        assert tier.folds == {"plain": ("plain/1", "plain/2", "plain/3")}
        numbers = [each.data.fold for each in tier.arms.values() if isinstance(each, TrainSettings)]
        assert numbers == [1, 2, 3, None]
        assert tier.parts("plain") == tier.folds["plain"]
        assert tier.parts("mixup") == ("mixup",)
        assert tier.settings("plain") == tier.arms["plain/1"]
        assert tier.settings("nobody") is None

    def test_of_one_fold_stay_as_they_are(self, root: Root) -> None:
        text = changed(FOLDED, "mixup: {augment", "mixup: {data: {folds: 3, fold: 2}, augment")
        tier = root.load(text).cases[0].tiers["smoke"]
        assert list(tier.folds) == ["plain"]
        settings = tier.arms["mixup"]
        assert isinstance(settings, TrainSettings)
        assert settings.data.fold == 2

    def test_can_be_cross_validated_at_one_tier_alone(self, root: Root) -> None:
        text = changed(TRAIN, "data: digits", "data: {name: digits, folds: 2}")
        text = changed(text, "effects:\n", "  short:\n    data: digits\n    epochs: 2\neffects:\n")
        tiers = root.load(text).cases[0].tiers
        assert (list(tiers["smoke"].folds), list(tiers["short"].folds)) == (["plain", "mixup"], [])

    def test_without_folds_none_changes(self) -> None:
        arms = {"a": TrainSettings.model_validate({"model": "micronet", "data": "digits", "epochs": 1,
                                                   "optimiser": {"name": "sgd", "lr": 1}})}  # fmt: skip
        assert in_folds(arms) == (arms, {})

    @pytest.mark.parametrize("name", ["plain/1", "plain.1"])
    def test_of_a_file_cannot_be_called_like_a_fold(self, root: Root, name: str) -> None:
        text = changed(FOLDED, "arms:\n", f"arms:\n  {name}: {{}}\n")
        assert f"'{name}' cannot be an arm's name" in root.the_problem(text).message

    def test_of_trends_have_their_folds_too(self, root: Root) -> None:
        text = changed(TRENDS, "plain: {}", "plain: {data: {folds: 3}}")
        *cases, trends = root.load(text).cases
        tier, case = trends.tiers["smoke"], cases[0]
        assert tier.folds[f"plain[{case.id}]"] == tuple(f"plain/{fold}[{case.id}]" for fold in (1, 2, 3))
        assert len(tier.folds) == len(cases)
        assert len(tier.arms) == 4 * len(cases)
        assert all(tier.arms[part] for parts in tier.folds.values() for part in parts)
        assert (f"plain[{case.id}]", "settings.data.train") in trends.effects["with-data"].value.references


class TestEffects:
    @pytest.mark.parametrize(
        "value", [SPREAD, "mean(plain.folds.gap) - plain.settings.data.folds", "plain.top1"]
    )
    def test_read_them(self, root: Root, value: str) -> None:
        assert root.load(of(value)).cases[0].effects["mixup"].value.source == value

    def test_have_the_metrics_unit(self, root: Root) -> None:
        effects = [
            root.load(of(value)).cases[0].effects["mixup"] for value in (SPREAD, "mean(plain.folds.val_loss)")
        ]
        assert [effect.unit for effect in effects] == ["points", "nats"]

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (
                "max(mixup.folds.top1)",
                "'folds.top1' is measured where an arm is cross-validated, unlike 'mixup' at tier smoke",
            ),
            ("last(plain.curve.val_loss)", "the arm 'plain' has 3 folds with a curve each at tier smoke"),
            ("min(plain.folds.flops)", "'flops' is measured where a 'method' trains; the arm 'plain' has none"),
            ("plain.top1 - plain.settings.data.fold", "the arm 'plain' leaves 'settings.data.fold' open at tier smoke"),
            ("plain.folds.top1", "'plain.folds.top1' are the values of all folds; expected a number"),
            ("1 - plain.folds.top1", "'plain.folds.top1' are the values of all folds; expected a number"),
            ("last(plain.folds.top1)", "last was given folds; expected last(curve)"),
            ("min(plain.folds.top1, 1)", "min was given folds, number; expected min(a, b"),
            ("plain.folds.curve.val_loss", "no metric is called 'curve.val_loss'; expected one of "),
            ("max(plain.folds.settings.epochs)", "no metric is called 'settings.epochs'; expected one of "),
            ("plain.folds", "'plain.folds' are folds without a metric; expected such as 'plain.folds."),
            ("front(plain, mixup, gain=folds.top1, cost=macs)", "'folds.top1' are the values of all folds"),
        ],
    )  # fmt: skip
    def test_that_cannot_read_them_are_refused_at_their_place(
        self, root: Root, value: str, words: str
    ) -> None:
        problem = root.the_problem(of(value))
        assert words in problem.message
        assert place(problem) == ("c.yaml", 18, 5)

    def test_are_told_each_metric_once(self) -> None:
        arms = {"a": frozenset({"top1", "gap", "curve.lr", "settings.epochs"})}
        with pytest.raises(ExpressionError) as caught:
            parse("max(a.folds.top)", arms)
        assert (caught.value.expected, caught.value.hint) == ("one of gap, top1", "did you mean 'top1'?")
        with pytest.raises(ExpressionError) as caught:
            parse("a.top", arms)
        assert caught.value.expected == "one of curve.lr, gap, top1"

    @pytest.mark.parametrize(("text", "value"), [("max(a.folds.top1)", 3.0), ("mean(a.folds.top1) + 1", 3.0)])
    def test_are_computed_from_all_folds(self, text: str, value: float) -> None:
        found = parse(text, {"a": frozenset({"top1"})})
        assert found.references == (("a", "folds.top1"),)
        values: dict[Any, Any] = {("a", "folds.top1"): (1.0, 2.0, 3.0)}
        assert found.evaluate(lambda arm, metric: values[arm, metric]) == value


class TestRefusals:
    def test_a_dataset_is_measured_whole(self, root: Root) -> None:
        problem = root.the_problem(DATASET)
        assert "'folds' are of trainings" in problem.message
        assert place(problem) == ("c.yaml", 5, 30)

    @pytest.mark.parametrize(
        ("data", "lines", "words", "where"),
        [
            ("{name: digits, folds: 3}", (), "one pretraining for all seeds sees the images that are tested", 8),
            ("{name: digits, folds: 3, fold: 1}", (), "one pretraining for all seeds", 8),
            ("{name: digits, folds: 3}", ("data: digits",), "the pretraining on 'digits' sees the images", 11),
            (
                "{name: digits, folds: 3, classes: [0, 1]}",
                ("data: {name: digits, classes: [1, 2]}", "seeds: own"),
                "the pretraining on 'digits' sees the images of the fold that is tested",
                11,
            ),
            ("digits", ("data: {name: digits, folds: 2}",), "a pretraining have no folds of their own", 11),
            ("digits", (), "one pretraining for all seeds trains on images that other seeds validate on", 8),
        ],
    )  # fmt: skip
    def test_a_pretraining_that_has_seen_too_much(
        self, root: Root, data: str, lines: tuple[str, ...], words: str, where: int
    ) -> None:
        problem = root.the_problem(start(data, *lines))
        assert words in problem.message
        assert problem.hint is not None
        assert place(problem)[:2] == ("c.yaml", where)

    @pytest.mark.parametrize(
        ("data", "lines"),
        [
            ("{name: digits, folds: 3}", ("seeds: own",)),
            ("{name: digits, folds: 3, classes: [0, 1]}", ("data: {name: digits, classes: [2, 3]}",)),
            ("digits", ("seeds: own",)),
            ("digits", ("data: digits",)),
        ],
    )  # fmt: skip
    def test_no_other_pretraining(self, root: Root, data: str, lines: tuple[str, ...]) -> None:
        assert root.load(start(data, *lines)).cases
