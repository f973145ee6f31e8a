"""What a trial needs of other trials: its teacher, and a pretraining for each seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgebench.claim.settings import TrainSettings
from edgebench.run.trial import ARTEFACT, Trial, resolve
from tests.run.test_trial import PRETRAIN, SETTINGS

TEACHER: dict[str, Any] = {"teacher": {"model": {"name": "micro-resnet"}}}


def of(**change: Any) -> Trial:
    return resolve("train", TrainSettings.model_validate(SETTINGS | change))


def needed(trial: Trial) -> Trial:
    assert trial.needs is not None
    return trial.needs


def test_a_teacher_is_trained_as_its_student_where_nothing_else_is_said() -> None:
    change = {"label_smoothing": 0.1, "precision": "bf16"}
    needs = needed(of(distill=TEACHER, **change))
    wanted = SETTINGS | change | {"model": {"name": "micro-resnet"}}
    assert needs.settings == TrainSettings.model_validate(wanted)
    own = {"epochs": 7, "batch": 8, "augment": {"flip": True}, "schedule": {"name": "cosine"}}
    found = needed(of(distill={"teacher": TEACHER["teacher"] | own}))
    assert found.settings == TrainSettings.model_validate(
        SETTINGS | own | {"model": {"name": "micro-resnet"}}
    )


def test_a_teacher_is_an_ordinary_training_of_the_same_seed_and_images() -> None:
    trial = of(distill=TEACHER)
    plain = of(model={"name": "micro-resnet"})
    assert needed(trial).hash == plain.hash, "shared with arms that train the same"
    assert needed(trial).wanted == {ARTEFACT}
    assert needed(trial.at(3)) == plain.at(3)
    assert needed(trial.at(3)).data == trial.data


@pytest.mark.parametrize(
    "change",
    [
        {"teacher": {"model": {"name": "micronet"}}},
        {"teacher": {"epochs": 5}},
        {"temperature": 1.0},
        {"weight": 0.5},
    ],
)
def test_all_of_a_distillation_is_part_of_the_trial(change: dict[str, Any]) -> None:
    changed = TEACHER | change | {"teacher": TEACHER["teacher"] | change.get("teacher", {})}
    assert of(distill=changed).hash != of(distill=TEACHER).hash != of().hash


def test_a_pretraining_of_each_seed_is_an_ordinary_training() -> None:
    trial = of(start={"pretrain": PRETRAIN | {"seeds": "own"}})
    plain = of(**PRETRAIN)
    assert needed(trial).hash == plain.hash, "shared with arms that train the same"
    assert needed(trial.at(2)) == plain.at(2)
    shared = of(start={"pretrain": PRETRAIN})
    assert needed(shared.at(2)) == needed(shared)
    assert needed(shared).hash == replace(plain, keeps=True).hash != plain.hash


def test_a_pretraining_may_have_a_teacher_and_netaug() -> None:
    pretrain = PRETRAIN | {"seeds": "own", "netaug": {}, "distill": TEACHER}
    trial = of(start={"pretrain": pretrain}).at(4)
    first = needed(trial)
    assert first.settings.netaug is not None  # type: ignore[union-attr]
    assert [trial.seed, first.seed, needed(first).seed] == [4, 4, 4]
    assert needed(first).hash == of(**PRETRAIN | {"model": {"name": "micro-resnet"}}).at(4).hash


def test_quantising_needs_the_training_with_its_teacher() -> None:
    trial = of(distill=TEACHER, quantise="int8").at(2)
    training = needed(trial)
    assert training == of(distill=TEACHER).at(2)
    assert needed(training).seed == 2


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ({"netaug": {}}, "netaug"),
        ({"distill": TEACHER}, "distill"),
        ({"dropblock": {"keep": 0.9, "size": 3}}, "dropblock"),
    ],
)
def test_it_is_told_apart_in_displays(change: dict[str, Any], how: str) -> None:
    assert of(**change).describe() == f"micronet on digits, {how}, seed 0"
