"""Curves that may be too short for an effect, told when the claim is read."""

from __future__ import annotations

from typing import Any

import pytest

from edgebench.claim.lengths import least_epochs
from edgebench.claim.settings import DetectSettings, TrainSettings
from tests.claim.fixtures import TRAIN, Root, changed, place

BASE: dict[str, Any] = {"optimiser": {"name": "sgd", "lr": 0.1}, "epochs": 10}


def claim(value: str, plain: str) -> str:
    text = changed(TRAIN, "plain.top1 - mixup.top1", f'"{value}"')
    return changed(text, "plain: {}", f"plain: {plain}")


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ({}, 10),
        ({"stop": {"patience": 3}}, 4),
        ({"stop": {"patience": 12}}, 10),
        ({"then": [{"epochs": 5, "stop": {"patience": 1}}, {"epochs": 7}]}, 19),
    ],
)
def test_the_fewest_epochs_of_a_training(given: dict[str, Any], least: int) -> None:
    settings = TrainSettings.model_validate({"model": "micronet", "data": "digits", **BASE, **given})
    assert least_epochs(settings) == least


def test_a_detector_is_trained_to_the_end() -> None:
    assert least_epochs(DetectSettings.model_validate({"model": "micronet", "data": "shapes", **BASE})) == 10


@pytest.mark.parametrize(
    ("value", "plain", "words"),
    [
        ("at(plain.curve.val_loss, 6)", "{epochs: 5}", "the training has 5 epochs at tier smoke"),
        ("1 - at(plain.curve.val_loss, 6)", "{epochs: 9, stop: {patience: 4}}", "may end the training after 5 of 9"),
        ("roughness(plain.curve.val_loss)", "{epochs: 9, stop: {patience: 1}}", "may end the training after 2 of 9"),
        ("late_slope(plain.curve.val_top1)", "{epochs: 4, stop: {patience: 2}}", "may end the training after 3 of 4"),
        ("epochs_to(plain.curve.val_top1, 5)", "{epochs: 9, stop: {patience: 4}}", "after 5 of 9 epochs, which"),
        ("epochs_down_to(plain.curve.val_loss, 5)", "{epochs: 9, then: [{epochs: 9, stop: {patience: 1}}]}", "11 of"),
    ],
)  # fmt: skip
def test_too_short_for_an_effect(root: Root, value: str, plain: str, words: str) -> None:
    problem = root.the_problem(claim(value, plain))
    assert words in problem.message
    assert place(problem) == ("c.yaml", 18, 5)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("at(plain.curve.val_loss, 5)", "{epochs: 9, stop: {patience: 4}}"),
        ("at(plain.curve.val_loss, 12)", "{epochs: 9, then: [{epochs: 3}]}"),
        ("last(plain.curve.val_loss) - min(plain.curve.val_loss)", "{epochs: 9, stop: {patience: 1}}"),
        ("epochs_to(plain.curve.val_top1, 5)", "{epochs: 1}"),
        ("roughness(plain.curve.val_loss)", "{epochs: 3, stop: {patience: 3}}"),
    ],
)  # fmt: skip
def test_long_enough(root: Root, value: str, plain: str) -> None:
    assert root.load(claim(value, plain)).cases
