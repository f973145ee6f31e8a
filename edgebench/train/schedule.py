"""Learning-rate schedules by name, from torch, stepped once per epoch."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
    StepLR,
)

from edgebench.claim.settings import ScheduleSettings
from edgebench.errors import SettingsError


def build_schedule(settings: ScheduleSettings, optimiser: Optimizer, epochs: int) -> LRScheduler:
    """A scheduler to step after every epoch.

    `cosine` anneals from the optimiser's learning rate to zero over the epochs after warm-up: in epoch t (from 0) of T,
    η = ½ η₀ (1 + cos(π t / T)) (mobilenet-ablation eq. 1 with a minimum of 0). `step` multiplies by `factor` every
    `every` epochs. `warmup` epochs rise linearly, the first at 1/(warmup + 1) of the full rate.

    Raises:
        SettingsError: a step schedule without `every` and `factor`, those keys elsewhere, or a warm-up as long as the
            training.
    """
    if settings.warmup >= epochs:
        raise SettingsError(
            f"a warm-up of {settings.warmup} epochs in a training of {epochs}", expected="fewer"
        )
    main = _main(settings, optimiser, epochs - settings.warmup)
    if not settings.warmup:
        return main
    rise = LinearLR(optimiser, start_factor=1 / (settings.warmup + 1), total_iters=settings.warmup)
    return SequentialLR(optimiser, [rise, main], milestones=[settings.warmup])


def _main(settings: ScheduleSettings, optimiser: Optimizer, epochs: int) -> LRScheduler:
    if settings.name == "step":
        if settings.every is None or settings.factor is None:
            raise SettingsError("schedule 'step' needs 'every' and 'factor'")
        return StepLR(optimiser, step_size=settings.every, gamma=settings.factor)
    if settings.every is not None or settings.factor is not None:
        raise SettingsError(
            f"schedule '{settings.name}' has no 'every' or 'factor'", hint="they belong to step"
        )
    if settings.name == "cosine":
        return CosineAnnealingLR(optimiser, T_max=epochs)
    return ConstantLR(optimiser, factor=1.0, total_iters=0)
