"""Recipes of a tier: nearer than the claim's settings, farther than the tier's own keys and the arms."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.settings import TrainSettings
from tests.claim.fixtures import TRAIN, Root, changed, place

TIER = "  smoke:\n    data: digits\n"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    made = Root(tmp_path)
    made.recipe("budget", "epochs: 7\nbatch: 32\ndata: {name: digits, train: 100}\n")
    return made


def with_recipe(names: str, text: str = TRAIN) -> str:
    return changed(text, TIER, f"  smoke:\n    recipe: {names}\n")


def settings(root: Root, text: str, arm: str = "plain") -> TrainSettings:
    found = root.load(text).cases[0].tiers["smoke"].arms[arm]
    assert isinstance(found, TrainSettings)
    return found


def test_a_tier_may_name_a_recipe(root: Root) -> None:
    found = settings(root, with_recipe("budget"))
    assert (found.batch, found.data.train, found.data.name) == (32, 100, "digits")
    assert found.epochs == 2, "the tier's own key is nearer"
    assert found.model.name == "micronet", "the claim's settings stay"


def test_it_is_nearer_than_the_claims_settings_and_recipes(root: Root) -> None:
    root.recipe("usual", "batch: 8\nlabel_smoothing: 0.1\n")
    text = "recipe: usual\n" + with_recipe("budget").replace("settings:\n", "settings:\n  batch: 16\n")
    found = settings(root, text)
    assert (found.batch, found.label_smoothing) == (32, 0.1)


def test_arms_are_nearer(root: Root) -> None:
    text = changed(with_recipe("budget"), "  plain: {}\n", "  plain: {batch: 4}\n")
    assert settings(root, text).batch == 4
    assert settings(root, text, "mixup").batch == 32
    text = changed(text, "    epochs: 2\n", "    epochs: 2\n    arms: {mixup: {batch: 5}}\n")
    assert settings(root, text, "mixup").batch == 5


def test_of_several_the_later_is_nearer(root: Root) -> None:
    root.recipe("quick", "batch: 64\n")
    found = settings(root, with_recipe("[budget, quick]"))
    assert (found.batch, found.data.train) == (64, 100)
    assert settings(root, with_recipe("[quick, budget]")).batch == 32


def test_tiers_have_recipes_of_their_own(root: Root) -> None:
    root.recipe("full", "batch: 128\ndata: digits\n")
    text = changed(
        with_recipe("budget"), "effects:\n", "  paper: {recipe: full, epochs: 9, looks: [3]}\neffects:\n"
    )
    tiers = root.load(text).cases[0].tiers
    arms = [tiers[name].arms["plain"] for name in ("smoke", "paper")]
    assert [(arm.batch, arm.data.train) for arm in arms if isinstance(arm, TrainSettings)] == [
        (32, 100),
        (128, None),
    ]


def test_one_may_say_what_trainings_start_from(root: Root) -> None:
    root.recipe(
        "tune",
        "data: {name: digits, classes: [0, 1, 2]}\nmethod: {name: mobiletl, blocks: 2}\n"
        "start: {pretrain: {data: digits, epochs: 3, optimiser: {name: sgd, lr: 0.1}}}\n",
    )
    found = settings(root, with_recipe("tune"))
    assert found.method is not None
    assert found.start is not None
    assert found.start.pretrain is not None
    assert (found.method.name, found.start.pretrain.epochs, found.data.classes) == ("mobiletl", 3, (0, 1, 2))


def test_one_that_does_not_exist_is_one_problem_where_it_is_named(root: Root) -> None:
    problem = root.the_problem(with_recipe("bugdet"))
    assert place(problem) == ("c.yaml", 12, 13)
    assert "bugdet" in problem.message
    assert "budget" in str(problem)


def test_a_mistake_in_one_is_reported_in_its_file_and_once(root: Root) -> None:
    root.recipe("wrong", "batch: 32\nepoch: 7\n")
    problem = root.the_problem(with_recipe("[budget, wrong]"))
    assert place(problem)[:2] == ("wrong.yaml", 2)


def test_what_it_makes_impossible_is_reported_where_it_is_written(root: Root) -> None:
    root.recipe("model", "model: {name: mobilenet-v9}\ndata: digits\n")
    text = changed(with_recipe("model"), "  model: micronet\n", "")
    problem = root.the_problem(text)
    assert place(problem) == ("model.yaml", 1, 9)
    assert "mobilenet-v9" in problem.message


@pytest.mark.parametrize("name", ["mbv2-w0.53", "file:nowhere.bin"])
def test_a_start_that_is_not_there_or_does_not_fit_is_reported_when_the_claim_is_loaded(
    root: Root, name: str
) -> None:
    root.recipe("start", f"data: digits\nstart: {{weights: '{name}'}}\n")
    problem = root.the_problem(with_recipe("start"))
    assert place(problem)[:2] == ("start.yaml", 2)
    assert name.removeprefix("file:") in problem.message


def test_without_a_recipe_a_missing_key_is_missing(root: Root) -> None:
    problems = root.problems(changed(TRAIN, TIER, "  smoke:\n"))
    assert any("data" in problem.message for problem in problems)
