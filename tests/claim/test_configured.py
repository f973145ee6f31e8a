"""Which settings are numbers that effects can read, and what they are in an arm."""

from __future__ import annotations

import keyword

import pytest

from edgebench.claim.claim import Case
from edgebench.claim.configured import is_setting, setting_names, setting_value
from edgebench.claim.metrics import METRICS
from edgebench.claim.settings import SETTINGS, Kind
from tests.claim.fixtures import PROFILE, TRAIN, Root, changed, place


def case(root: Root, value: str, **changes: str) -> Case:
    text = changed(TRAIN, "value: plain.top1 - mixup.top1", f"value: {value}")
    for old, new in changes.items():
        text = changed(text, old, new)
    return root.load(text).cases[0]


def test_numbers_have_names_and_nothing_else_has() -> None:
    names = setting_names("train")
    assert names >= {
        "settings.data.train", "settings.model.width", "settings.epochs", "settings.optimiser.lr",
        "settings.augment.mixup.alpha", "settings.method.blocks", "settings.start.pretrain.epochs",
        "settings.method.frozen_bits",
    }  # fmt: skip
    others = {
        "model",
        "model.name",
        "data.classes",
        "augment.flip",
        "augment.affine",
        "schedule.name",
        "model.se",
    }
    assert not names & {f"settings.{other}" for other in others}


@pytest.mark.parametrize("kind", SETTINGS)
def test_names_can_be_written_in_effects(kind: Kind) -> None:
    for name in setting_names(kind):
        assert all(step.isidentifier() and not keyword.iskeyword(step) for step in name.split("."))
        assert is_setting(name)
    assert not any(map(is_setting, METRICS[kind]))


def test_values_are_those_of_the_arm(root: Root) -> None:
    arms = case(root, "plain.top1 - mixup.top1").tiers["smoke"].arms
    assert setting_value(arms["mixup"], "settings.augment.mixup.alpha") == 0.2
    assert setting_value(arms["plain"], "settings.augment.mixup.alpha") is None
    assert setting_value(arms["plain"], "settings.epochs") == 2
    assert setting_value(arms["plain"], "settings.data.train") is None
    assert setting_value(arms["plain"], "settings.model.name") is None


def test_effects_read_settings_beside_what_is_measured(root: Root) -> None:
    effect = case(root, "(plain.top1 - 50) / mixup.settings.epochs").effects["mixup"]
    assert effect.arms == ("plain",)  # nothing of the other has to be trained
    assert effect.value.references == (("plain", "top1"), ("mixup", "settings.epochs"))
    assert case(root, "plain.top1 - mixup.settings.batch").effects["mixup"].unit == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("plain.settings.epochs", "measures nothing; expected a metric of one of mixup, plain"),
        (
            "plain.top1 / plain.settings.data.trian",
            "no setting with a number is called 'settings.data.trian'",
        ),
        (
            "plain.top1 / plain.settings.model.name",
            "no setting with a number is called 'settings.model.name'",
        ),
        (
            "plain.top1 / plain.settings.data.train",
            "the arm 'plain' leaves 'settings.data.train' open at tier smoke",
        ),
        ("plain.tp1", "no metric is called 'tp1'"),
        ("roughness(plain.settings.epochs)", "roughness was given number"),
    ],
)
def test_what_cannot_be_read_is_refused(root: Root, value: str, words: str) -> None:
    problem = root.the_problem(changed(TRAIN, "value: plain.top1 - mixup.top1", f"value: {value}"))
    assert words in problem.message
    assert place(problem) == ("c.yaml", 18, 5)
    if "trian" in value:
        assert problem.hint == "did you mean 'settings.data.train'?"
    if "tp1" in value:
        assert "settings" not in problem.message


def test_settings_have_no_unit(root: Root) -> None:
    value = "'front(full, half, gain=settings.model.width, cost=macs)'"
    effect = root.load(changed(PROFILE, "full.params - half.params", value)).cases[0].effects["fewer"]
    assert (effect.unit, effect.arms) == ("", ("full", "half"))
