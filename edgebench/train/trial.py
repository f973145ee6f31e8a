"""A training trial: settings and a seed in, measurements out. The same twice on one machine, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import Batch, TrainBatches, evaluation_batches
from edgebench.data.prepared import Prepared, prepare
from edgebench.data.raw import Labels
from edgebench.data.split import split
from edgebench.methods.hooks import Method
from edgebench.methods.mixing import Mixup
from edgebench.models import registry
from edgebench.run.record import Measured
from edgebench.run.trial import seed_value
from edgebench.train.compilation import compiled, decide
from edgebench.train.device import ready
from edgebench.train.loop import Curves, Diverged, Forward, Score, evaluate, fit
from edgebench.train.optimiser import build_optimiser, trainable_parameters
from edgebench.train.schedule import build_schedule


@dataclass(frozen=True, eq=False)
class Start:
    """What one seed of an arm trains: its network, methods and images.

    Attributes:
        model: with the seed's initial weights, wrapped by the methods.
        methods: in the order in which they act.
        batches: one augmented epoch each time it is iterated.
        validation: un-augmented batches for the score after every epoch.
        train: indices of the training images.
    """

    seed: int
    data: Prepared
    model: nn.Module
    methods: list[Method]
    batches: TrainBatches
    validation: Sequence[Batch]
    train: Labels
    device: torch.device

    def final_batches(self) -> tuple[Sequence[Batch], Sequence[Batch]]:
        """All test images, then all training images, un-augmented: what the trained network is scored on."""
        return (
            evaluation_batches(self.data, "test", device=self.device),
            evaluation_batches(self.data, "train", self.train, device=self.device),
        )


def set_up(settings: TrainSettings, data: Prepared, seed: int, device: torch.device) -> Start:
    """Everything that a seed's training starts from.

    The seed's streams are separate: split, order, augmentation and initial weights are the same in every arm, and what
    else an arm draws (dropout, mixing) cannot shift them. All are drawn on the CPU, the same for every device.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    train, val = split(data.train_labels, settings.data, seed_value(seed, "split"))
    model = build_model(settings, data, seed).to(device)
    methods = methods_of(settings, data.classes)
    for method in methods:
        model = method.wrap(model)
    batches = TrainBatches(
        data,
        train,
        settings.augment,
        settings.batch,
        _stream(seed, "order"),
        _stream(seed, "augment"),
        device,
        affine=_stream(seed, "affine"),
    )
    validation = evaluation_batches(data, "train", val, keep=True, device=device)
    return Start(seed, data, model, methods, batches, validation, train, device)


def run_training(
    settings: TrainSettings, seed: int, content: str | None = None, device: str = "cpu"
) -> Measured:
    """Train, validate after every epoch, and test the network of the last epoch once.

    Args:
        content: digest that the dataset must have (`Trial.data`).
        device: `cpu` or `cuda`.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    start = set_up(settings, prepare(settings.data, content), seed, ready(device))
    optimiser = build_optimiser(settings.optimiser, start.model)
    schedule = build_schedule(settings.schedule, optimiser, settings.epochs)
    forward, how = _forward(start, settings)
    curves = Curves()
    torch.manual_seed(seed_value(seed, "noise"))
    started = time.perf_counter()
    try:
        fit(
            start.model,
            start.batches,
            start.validation,
            optimiser=optimiser,
            schedule=schedule,
            methods=start.methods,
            epochs=settings.epochs,
            label_smoothing=settings.label_smoothing,
            curves=curves,
            forward=forward,
        )
        diverged = False
    except Diverged:
        diverged = True
    seconds = time.perf_counter() - started
    scores = None
    if not diverged:
        test, seen = (evaluate(start.model, batches) for batches in start.final_batches())
        scores = (test, seen)
    return replace(measured(trainable_parameters(start.model), seconds, curves, scores), how=how)


def _forward(start: Start, settings: TrainSettings) -> tuple[Forward, dict[str, str | int | float]]:
    """What training steps call, the network or its compiled form, and why, for the record."""
    size = min(settings.batch, len(start.train))
    decision = decide(settings, len(start.batches) * size, start.data.shape, start.device.type)
    if not decision.on:
        return start.model, {"compile": str(decision)}
    channels, height, width = start.data.shape
    sample = torch.zeros(size, height, width, channels).permute(0, 3, 1, 2)  # strides too are as in training
    forward, said = compiled(start.model, sample)
    return forward, {"compile": str(decision), "compiled": said}


def measured(parameters: int, seconds: float, curves: Curves, scores: tuple[Score, Score] | None) -> Measured:
    """What a training yields, from its curves and the final scores on test and training images; None: it diverged."""
    metrics = {"params": float(parameters), "train_seconds": seconds}
    correct = None
    if scores is not None:
        test, seen = scores
        correct = pack(test.correct)
        metrics |= {
            "top1": test.top1,
            "train_top1": seen.top1,
            "gap": seen.top1 - test.top1,
            "val_top1": curves.val_top1[-1],
            "val_loss": curves.val_loss[-1],
            "train_loss": curves.train_loss[-1],
        }
    values = {name: tuple(values) for name, values in vars(curves).items()}
    return Measured(metrics, values, correct, scores is None)


def build_model(settings: TrainSettings, data: Prepared, seed: int) -> nn.Module:
    """The network for a dataset, with the seed's initial weights, in channels-last memory order."""
    torch.manual_seed(seed_value(seed, "init"))
    model = registry.build(
        settings.model, in_channels=data.shape[0], classes=data.classes, size=data.shape[1:]
    )
    return laid_out(model)


def laid_out(model: nn.Module) -> nn.Module:
    """The model (changed in place) in the form in which a training step takes the least time, for the same numbers."""
    for module in model.modules():
        # Their gradients need their input, so in place they copy it first: more work for the same bits.
        if isinstance(module, nn.Hardtanh | nn.Hardswish):
            module.inplace = False
    return model.to(memory_format=torch.channels_last)


def methods_of(settings: TrainSettings, classes: int) -> list[Method]:
    """The methods that the settings ask for, in the order in which they act."""
    methods: list[Method] = []
    if settings.augment.mixup is not None:
        methods.append(Mixup(settings.augment.mixup.alpha, classes))
    return methods


def pack(correct: Tensor) -> bytes:
    """Per-example correctness (bool [N]) eight to a byte, the first example in the highest bit."""
    return np.packbits(correct.cpu().numpy()).tobytes()


def _stream(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(seed_value(seed, purpose))
