"""The stages of a training: what trains, with which optimiser, for how long; most trainings have one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from edgebench.claim.optimisation import OptimiserSettings, PruneSettings, ScheduleSettings, StopSettings
from edgebench.claim.settings import TrainSettings
from edgebench.methods import pruning
from edgebench.methods.hooks import Method
from edgebench.methods.unfreezing import Unfreezing
from edgebench.train.loop import Batches, Curves, Diverged, Forward, fit
from edgebench.train.optimiser import build_optimiser
from edgebench.train.schedule import build_schedule


@dataclass(frozen=True)
class Stage:
    """One of them, with nothing left open.

    Attributes:
        unfrozen: how many of the last layers train; None: all of them.
        prune: how many parameters are left before it begins.
    """

    optimiser: OptimiserSettings
    schedule: ScheduleSettings
    epochs: int
    stop: StopSettings | None
    unfrozen: int | None
    prune: PruneSettings | None = None


def stages_of(settings: TrainSettings) -> list[Stage]:
    """The training's first stage, and those of `then`: what they leave open is as in the one before."""
    own = Stage(
        settings.optimiser, settings.schedule, settings.epochs, settings.stop, settings.unfrozen, prune=None
    )
    stages = [own]
    for each in settings.then or ():
        optimiser, schedule = each.optimiser or own.optimiser, each.schedule or own.schedule
        own = Stage(optimiser, schedule, each.epochs, each.stop, each.unfrozen, each.prune)
        stages.append(own)
    return stages


def train(
    settings: TrainSettings,
    model: nn.Module,
    batches: Batches,
    validation: Sequence[tuple[Tensor, Tensor]],
    *,
    methods: Sequence[Method],
    curves: Curves,
    forward: Forward | None = None,
    scaler: GradScaler | None = None,
) -> int:
    """Train a network (in place) stage after stage, as `fit` does each of them; their results are added to `curves`.

    Returns:
        The place in `curves` of the epoch whose weights the network has.

    Raises:
        Diverged: at the first loss that is NaN or infinite; what trains is then what would have in the last stage.
        SettingsError: more layers are to train than there are, more parameters to be left, or an optimiser or schedule
            has options that are not its own; of any stage, before the first begins.
    """
    stages = stages_of(settings)
    if len(stages) > 1:
        _rehearse(stages, model)
    kept = -1
    for stage in stages:
        acting = list(methods)
        # What a fine-tuning strategy has frozen stays frozen: it is not combined with stages.
        if settings.then is not None or settings.unfrozen is not None:
            acting.append(_begun(stage, model))
        optimiser = build_optimiser(stage.optimiser, model)
        try:
            kept = fit(
                model,
                batches,
                validation,
                optimiser=optimiser,
                schedule=build_schedule(stage.schedule, optimiser, stage.epochs),
                methods=acting,
                epochs=stage.epochs,
                label_smoothing=settings.label_smoothing,
                curves=curves,
                forward=forward,
                scaler=scaler,
                stop=stage.stop,
            )
        except Diverged:
            if len(stages) > 1:
                Unfreezing(stages[-1].unfrozen).wrap(model)
            raise
    return kept


def pruned_to(settings: TrainSettings) -> int | None:
    """How many parameters the last pruning of a training leaves; None where nothing is pruned."""
    left = [stage.prune.parameters for stage in stages_of(settings) if stage.prune is not None]
    return left[-1] if left else None


def _begun(stage: Stage, model: nn.Module) -> Unfreezing:
    """Prune a network and freeze its layers as a stage asks for, in place."""
    if stage.prune is not None:
        pruning.prune(model, stage.prune.parameters)
    unfreezing = Unfreezing(stage.unfrozen)
    unfreezing.wrap(model)
    return unfreezing


def _rehearse(stages: Sequence[Stage], model: nn.Module) -> None:
    """Begin every stage on a copy, so that what the last one cannot do is not found after hours of the others."""
    trial = copy.deepcopy(model)
    for stage in stages:
        _begun(stage, trial)
        build_schedule(stage.schedule, build_optimiser(stage.optimiser, trial), stage.epochs)
