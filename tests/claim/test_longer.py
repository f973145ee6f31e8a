"""Schedules that are lengthened keep their shape, and only what names no epoch keeps its meaning."""

from __future__ import annotations

from typing import Any

import pytest

from edgebench.claim.claim import Tier
from edgebench.claim.expression import parse
from edgebench.claim.longer import keeps_meaning, lengthened
from edgebench.claim.settings import DetectSettings, LatencySettings, Settings, TrainSettings

BASE: dict[str, Any] = {
    "model": "micronet",
    "data": "digits",
    "optimiser": {"name": "sgd", "lr": 0.1},
    "epochs": 10,
}

METRICS = {"top1", "epochs", "settings.epochs", "curve.val_loss", "curve.val_top1"}
ARMS = dict.fromkeys(("a", "b"), frozenset(METRICS))


def tier(settings: Settings) -> Tier:
    return Tier("short", {"arm": settings}, (3,), {}, 60.0, None)


def longer(**given: Any) -> TrainSettings:
    settings = TrainSettings.model_validate({**BASE, **given})
    found = lengthened(tier(settings), 4).arms["arm"]
    assert isinstance(found, TrainSettings)
    # What came out is what a claim file could have said.
    assert TrainSettings.model_validate(found.model_dump(mode="python", exclude_none=True)) == found
    return found


def test_epochs_warm_up_and_steps_grow_alike_and_the_rest_stays() -> None:
    found = longer(schedule={"name": "step", "every": 3, "factor": 0.5, "warmup": 2}, batch=7)
    assert (found.epochs, found.schedule.every, found.schedule.warmup) == (40, 12, 8)
    before = TrainSettings.model_validate({**BASE, "schedule": found.schedule, "batch": 7})
    assert found == before.model_copy(update={"epochs": 40})


def test_every_stage_pretraining_and_teacher_is_lengthened() -> None:
    teacher = {"model": "micronet", "epochs": 5, "schedule": {"name": "cosine", "warmup": 1}}
    student = {"optimiser": BASE["optimiser"], "epochs": 6, "distill": {"teacher": {"model": "micronet"}}}
    found = longer(
        then=[{"epochs": 3, "schedule": {"name": "cosine", "warmup": 1}, "stop": {"patience": 2}}, {"epochs": 1}],
        distill={"teacher": teacher},
        start={"pretrain": {**student, "seeds": "own"}},
        stop={"patience": 4},
    )  # fmt: skip
    assert found.then is not None
    assert [stage.epochs for stage in found.then] == [12, 4]
    assert found.then[0].schedule is not None
    assert found.then[0].schedule.warmup == 4
    assert found.then[0].stop is not None
    assert (found.stop and found.stop.patience, found.then[0].stop.patience) == (4, 2), "a rule, not a length"
    assert found.distill is not None
    assert found.distill.teacher.epochs == 20
    assert found.distill.teacher.schedule is not None
    assert found.distill.teacher.schedule.warmup == 4
    assert found.start is not None
    assert found.start.pretrain is not None
    assert found.start.pretrain.epochs == 24
    assert found.start.pretrain.distill is not None
    assert found.start.pretrain.distill.teacher.epochs is None, "as long as its student, as before"


def test_detectors_are_lengthened_and_what_is_not_trained_is_as_it_was() -> None:
    given = {"model": "micronet", "data": "shapes", "optimiser": {"name": "sgd", "lr": 0.1}, "epochs": 3}
    detector = lengthened(tier(DetectSettings.model_validate(given)), 2).arms["arm"]
    assert isinstance(detector, DetectSettings)
    assert detector.epochs == 6
    timed = LatencySettings.model_validate({"model": "micronet", "input": [1, 1, 8, 8]})
    assert lengthened(tier(timed), 2).arms["arm"] == timed


def test_a_longer_training_has_longer_time() -> None:
    found = lengthened(tier(TrainSettings.model_validate(BASE)), 3)
    assert (found.timeout, found.looks) == (180.0, (3,))


@pytest.mark.parametrize(
    ("value", "keeps"),
    [
        ("a.top1 - b.top1", True),
        ("last(a.curve.val_loss)", True),
        ("roughness(a.curve.val_loss) - 1", True),
        ("at(a.curve.val_loss, 3) - b.top1", False),
        ("1 - epochs_to(a.curve.val_top1, 50)", False),
        ("epochs_down_to(a.curve.val_loss, 1)", False),
        ("a.epochs", False),
        ("a.top1 / a.settings.epochs", False),
    ],
)
def test_an_effect_that_names_an_epoch_means_another_moment(value: str, keeps: bool) -> None:
    assert keeps_meaning(parse(value, ARMS)) is keeps
