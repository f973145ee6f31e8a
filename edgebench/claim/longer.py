"""A tier with its schedules lengthened: what a shortened run would be with more of its paper's budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from edgebench.claim.claim import Tier
from edgebench.claim.expression import Expression
from edgebench.claim.optimisation import ScheduleSettings, StageSettings
from edgebench.claim.settings import (
    DetectSettings,
    DistillSettings,
    PretrainSettings,
    Settings,
    StartSettings,
    TrainSettings,
)

_Trained = TypeVar("_Trained", TrainSettings, DetectSettings, PretrainSettings)
_Stage = TypeVar("_Stage", TrainSettings, DetectSettings, PretrainSettings, StageSettings)
# What counts epochs: with a longer schedule, the same number is another moment of it.
_MOMENTS = ("at", "epochs_to", "epochs_down_to")


def lengthened(tier: Tier, factor: int) -> Tier:
    """The tier with every training `factor` times as long, and as much time for it.

    Epochs of all stages, pretrainings and teachers grow, and with them the lengths of warm-ups and of the steps of a
    learning rate, so that the shape of every schedule stays. The patience of early stopping stays: it is a rule, not
    a length. What is not trained is as it was.
    """
    arms = {name: _settings(settings, factor) for name, settings in tier.arms.items()}
    return replace(tier, arms=arms, timeout=None if tier.timeout is None else tier.timeout * factor)


def keeps_meaning(value: Expression) -> bool:
    """Whether an effect says of a lengthened schedule what it says of the short one: it names no epoch of it."""
    counts = any(name == "epochs" or name.endswith(".epochs") for _, name in value.references)
    return not counts and not any(function in _MOMENTS for function in value.functions)


def _settings(settings: Settings, factor: int) -> Settings:
    if isinstance(settings, TrainSettings):
        longer = _trained(settings, factor)
        stages = tuple(_stage(stage, factor) for stage in settings.then or ()) or None
        return longer.model_copy(update={"then": stages, "distill": _taught(settings.distill, factor)})
    return _trained(settings, factor) if isinstance(settings, DetectSettings) else settings


def _trained(settings: _Trained, factor: int) -> _Trained:
    longer = _stage(settings, factor)
    if isinstance(settings, PretrainSettings):
        return longer.model_copy(update={"distill": _taught(settings.distill, factor)})
    return longer.model_copy(update={"start": _start(settings.start, factor)})


def _start(start: StartSettings | None, factor: int) -> StartSettings | None:
    if start is None or start.pretrain is None:
        return start
    return start.model_copy(update={"pretrain": _trained(start.pretrain, factor)})


def _taught(distill: DistillSettings | None, factor: int) -> DistillSettings | None:
    if distill is None:
        return None
    teacher = distill.teacher
    epochs = None if teacher.epochs is None else teacher.epochs * factor
    longer = {"epochs": epochs, "schedule": _schedule(teacher.schedule, factor)}
    return distill.model_copy(update={"teacher": teacher.model_copy(update=longer)})


def _stage(stage: _Stage, factor: int) -> _Stage:
    return stage.model_copy(
        update={"epochs": stage.epochs * factor, "schedule": _schedule(stage.schedule, factor)}
    )


def _schedule(schedule: ScheduleSettings | None, factor: int) -> ScheduleSettings | None:
    if schedule is None:
        return None
    every = None if schedule.every is None else schedule.every * factor
    return schedule.model_copy(update={"warmup": schedule.warmup * factor, "every": every})
