"""A training trial: settings and a seed in, measurements out. The same twice on one machine, bit for bit."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor, nn

from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import TrainBatches, evaluation_batches
from edgebench.data.prepared import Prepared, prepare
from edgebench.data.split import split
from edgebench.methods.hooks import Method
from edgebench.methods.mixing import Mixup
from edgebench.models import registry
from edgebench.run.record import Measured
from edgebench.run.trial import seed_value
from edgebench.train.loop import Curves, Diverged, evaluate, fit
from edgebench.train.optimiser import build_optimiser, trainable_parameters
from edgebench.train.schedule import build_schedule


def run_training(settings: TrainSettings, seed: int, content: str | None = None) -> Measured:
    """Train, validate after every epoch, and test the network of the last epoch once.

    The seed's streams are separate: split, order, augmentation and initial weights are the same in every arm, and what
    else an arm draws (dropout, mixing) cannot shift them.

    Args:
        content: digest that the dataset must have (`Trial.data`).

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    torch.use_deterministic_algorithms(True)
    # In deterministic mode torch fills every new tensor with NaN, a debugging aid that costs a training step a fifth of
    # its time; no operation used here reads memory that it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    data = prepare(settings.data, content)
    train, val = split(data.train_labels, settings.data, seed_value(seed, "split"))
    model = build_model(settings, data, seed)
    methods = methods_of(settings, data.classes)
    for method in methods:
        model = method.wrap(model)
    batches = TrainBatches(
        data, train, settings.augment, settings.batch, _stream(seed, "order"), _stream(seed, "augment")
    )
    optimiser = build_optimiser(settings.optimiser, model)
    schedule = build_schedule(settings.schedule, optimiser, settings.epochs)
    metrics = {"params": float(trainable_parameters(model))}
    curves = Curves()
    torch.manual_seed(seed_value(seed, "noise"))
    started = time.perf_counter()
    try:
        fit(
            model,
            batches,
            evaluation_batches(data, "train", val, keep=True),
            optimiser=optimiser,
            schedule=schedule,
            methods=methods,
            epochs=settings.epochs,
            label_smoothing=settings.label_smoothing,
            curves=curves,
        )
        diverged = False
    except Diverged:
        diverged = True
    metrics["train_seconds"] = time.perf_counter() - started
    correct = None
    if not diverged:
        test = evaluate(model, evaluation_batches(data, "test"))
        seen = evaluate(model, evaluation_batches(data, "train", train))
        correct = pack(test.correct)
        metrics |= {
            "top1": test.top1,
            "train_top1": seen.top1,
            "gap": seen.top1 - test.top1,
            "val_top1": curves.val_top1[-1],
            "val_loss": curves.val_loss[-1],
            "train_loss": curves.train_loss[-1],
        }
    return Measured(
        metrics, {name: tuple(values) for name, values in vars(curves).items()}, correct, diverged
    )


def build_model(settings: TrainSettings, data: Prepared, seed: int) -> nn.Module:
    """The network for a dataset, with the seed's initial weights, in channels-last memory order."""
    torch.manual_seed(seed_value(seed, "init"))
    model = registry.build(settings.model, in_channels=data.shape[0], classes=data.classes)
    return model.to(memory_format=torch.channels_last)


def methods_of(settings: TrainSettings, classes: int) -> list[Method]:
    """The methods that the settings ask for, in the order in which they act."""
    methods: list[Method] = []
    if settings.augment.mixup is not None:
        methods.append(Mixup(settings.augment.mixup.alpha, classes))
    return methods


def pack(correct: Tensor) -> bytes:
    """Per-example correctness (bool [N]) eight to a byte, the first example in the highest bit."""
    return np.packbits(correct.numpy()).tobytes()


def _stream(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(seed_value(seed, purpose))
