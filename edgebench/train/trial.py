"""A training trial: settings and a seed in, measurements out. The same twice on one machine, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import (
    EVALUATION_BATCH,
    STREAMS,
    Batch,
    TrainBatches,
    TwoInputs,
    evaluation_batches,
)
from edgebench.data.folds import held_out
from edgebench.data.prepared import Prepared, prepare
from edgebench.data.raw import Labels
from edgebench.data.resident import Part
from edgebench.data.split import split
from edgebench.errors import ModelError
from edgebench.measure.added import added
from edgebench.measure.inference import inference_costs
from edgebench.measure.profile_trial import counted
from edgebench.methods import pruning, strategy
from edgebench.methods.hooks import Method
from edgebench.models import checkpoint
from edgebench.run.record import Measured
from edgebench.run.trial import seed_value
from edgebench.train.compilation import compiled, decide
from edgebench.train.device import ready
from edgebench.train.frozen import MapBatches, Maps, cacheable
from edgebench.train.loop import Curves, Diverged, Forward, evaluate
from edgebench.train.methods import methods_of, stream
from edgebench.train.optimiser import trainable_parameters
from edgebench.train.precision import mixed, scaler
from edgebench.train.stages import pruned_to, train
from edgebench.train.start import build_model, started
from edgebench.train.stopping import Score


@dataclass(frozen=True, eq=False)
class Start:
    """What one seed of an arm trains: its network, methods and images.

    Attributes:
        model: with the seed's initial weights, wrapped by the methods.
        methods: in the order in which they act.
        batches: one augmented epoch each time it is iterated.
        validation: un-augmented batches for the score after every epoch.
        train: indices of the training images.
        costs: what a training step costs, for networks that are fine-tuned.
        maps: of the part below the first trained layer, where `model` is only what lies above it.
        whole: the whole network then.
        fold: indices of the training images that it is tested on instead of the test images.
    """

    seed: int
    data: Prepared
    model: nn.Module
    methods: list[Method]
    batches: TrainBatches | TwoInputs
    validation: Sequence[Batch]
    train: Labels
    device: torch.device
    costs: dict[str, float] = field(default_factory=dict)
    maps: Maps | None = None
    whole: nn.Module | None = None
    fold: Labels | None = None

    def artefact(self) -> bytes:
        """The network as it is, for trials that start from it."""
        return checkpoint.save_state(
            self.whole or self.model, checkpoint.Normalisation(self.data.mean, self.data.std)
        )

    def inference_costs(self) -> dict[str, float]:
        """What inference with the trained network costs, for its record."""
        return inference_costs(self.whole or self.model, self.data.shape)

    def final_batches(self) -> tuple[Sequence[Batch], Sequence[Batch]]:
        """All test images, or those of the fold, then all training images, un-augmented: what the trained network is
        scored on."""
        part: Part = "test" if self.fold is None else "train"
        if self.maps is not None:
            return (
                self.maps.batches(part, self.fold, EVALUATION_BATCH),
                self.maps.batches("train", self.train, EVALUATION_BATCH),
            )
        return (
            evaluation_batches(self.data, part, self.fold, device=self.device),
            evaluation_batches(self.data, "train", self.train, device=self.device),
        )


def set_up(
    settings: TrainSettings, data: Prepared, seed: int, device: torch.device, weights: bytes | None = None
) -> Start:
    """Everything that a seed's training starts from; `weights` is the artefact of its pretraining or teacher.

    The seed's streams are separate: split, order, augmentation and initial weights are the same in every arm, and what
    else an arm draws (dropout, mixing) cannot shift them. All are drawn on the CPU, the same for every device.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    fold = held_out(data.train_labels, settings.data, seed_value(seed, "folds"))
    train, val = split(data.train_labels, settings.data, seed_value(seed, "split"), fold)
    model, data = started(settings, data, build_model(settings, data, seed), weights)
    model = model.to(device)
    methods = methods_of(settings, data, train, seed, device, weights)
    for method in methods:
        model = method.wrap(model)
    order, augment = stream(seed, "order"), stream(seed, "augment")
    costs = {}
    if settings.method is not None:
        costs = _counted(model, (min(settings.batch, len(train)), *data.shape))
        cut = strategy.frozen_prefix(model) if cacheable(settings.augment) else None
        if cut is not None:
            maps = Maps(cut[0], data, mirrored=settings.augment.flip, device=device)
            passed = MapBatches(maps, data, train, settings.augment, settings.batch, order, augment, device)
            shown = maps.batches("train", val, EVALUATION_BATCH)
            return Start(seed, data, cut[1], methods, passed, shown, train, device, costs, maps, model, fold)
    own = {name: stream(seed, name) for name in STREAMS}
    first = TrainBatches(data, train, settings.augment, settings.batch, order, augment, device, **own)
    batches: TrainBatches | TwoInputs = first
    if (other := settings.second_input) is not None:
        order, augment = stream(seed, "order"), stream(seed, "second-augment")
        own = {name: stream(seed, f"second-{name}") for name in STREAMS}
        second = TrainBatches(data, train, other, settings.batch, order, augment, device, **own)
        batches = TwoInputs(first, second)
    validation = evaluation_batches(data, "train", val, keep=True, device=device)
    return Start(seed, data, model, methods, batches, validation, train, device, costs, fold=fold)


def run_training(
    settings: TrainSettings,
    seed: int,
    content: str | None = None,
    device: str = "cpu",
    *,
    weights: bytes | None = None,
    keeps: bool = False,
) -> Measured:
    """Train, validate after every epoch, and test once: the network of the last epoch, or the one that stopping keeps.

    Args:
        content: digest that the dataset must have (`Trial.data`).
        device: `cpu` or `cuda`.
        weights: the artefact of the pretraining or teacher that the settings ask for.
        keeps: return the trained weights as an artefact.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    start = set_up(settings, prepare(settings.data, content), seed, ready(device), weights)
    forward, how = _forward(start, settings)
    curves, kept = Curves(), -1
    torch.manual_seed(seed_value(seed, "noise"))
    began = time.perf_counter()
    try:
        kept = train(
            settings,
            start.model,
            start.batches,
            start.validation,
            methods=start.methods,
            curves=curves,
            forward=forward,
            scaler=scaler(settings.precision, start.device),
        )
        diverged = False
    except Diverged:
        diverged = True
    except ValueError as error:
        if (explained := strategy.explain(error)) is not None:
            raise explained from error
        raise
    seconds = time.perf_counter() - began
    scores = None
    for method in start.methods:
        end = method.abandoned if diverged else method.finished
        start = replace(start, model=end(start.model))
    pruning.finish(start.model)
    parts: dict[str, float] = {}
    if not diverged:
        test, seen = (evaluate(start.model, batches) for batches in start.final_batches())
        scores = (test, seen)
        parts = _scores_of_parts(start)
    if settings.measure is not None:
        parts |= added(settings.measure, start.model, start.final_batches()[0], diverged=diverged)
    left = pruning.nonzero(start.whole or start.model)
    if diverged and (planned := pruned_to(settings)) is not None:
        left = planned  # no number is zero that is none, nor was anything pruned that was to be later
    counts = trainable_parameters(start.model), left
    found = measured(counts, seconds, curves, scores, start.inference_costs(), kept)
    artefact = start.artefact() if keeps and not diverged else None
    return replace(found, metrics=found.metrics | start.costs | parts, how=how, artefact=artefact)


def _scores_of_parts(start: Start) -> dict[str, float]:
    """Accuracies of the parts of a network that are networks themselves, where it has such."""
    found: dict[str, float] = {}
    parts: dict[str, nn.Module] = getattr(start.model, "parts", {})
    for name, part in parts.items():
        test, seen = (evaluate(part, batches).top1 for batches in start.final_batches())
        found |= {f"{name}.top1": test, f"{name}.train_top1": seen, f"{name}.gap": seen - test}
    return found


def _counted(model: nn.Module, shape: tuple[int, ...]) -> dict[str, float]:
    try:
        return counted(model, shape)
    except ModelError as error:
        cause = error.__cause__
        if isinstance(cause, ValueError) and (explained := strategy.explain(cause)) is not None:
            raise explained from error
        raise


def _forward(start: Start, settings: TrainSettings) -> tuple[Forward, dict[str, str | int | float]]:
    """What training steps call, the network or its compiled form, and why, for the record."""
    if settings.precision is not None:
        forward = mixed(start.model, settings.precision, start.device)
        return forward, {"compile": f"no: steps are in {settings.precision}"}
    if start.maps is not None:
        return start.model, {"compile": "no: it trains on maps of frozen layers"}
    size = min(settings.batch, len(start.train))
    decision = decide(settings, len(start.batches) * size, start.data.shape, start.device.type)
    if not decision.on:
        return start.model, {"compile": str(decision)}
    channels, height, width = start.data.shape
    sample = torch.zeros(size, height, width, channels).permute(0, 3, 1, 2)  # strides too are as in training
    forward, said = compiled(start.model, sample)
    return forward, {"compile": str(decision), "compiled": said}


def measured(
    parameters: tuple[int, int],
    seconds: float,
    curves: Curves,
    scores: tuple[Score, Score] | None,
    inference: Mapping[str, float],
    kept: int = -1,
) -> Measured:
    """What a training yields.

    Args:
        parameters: those that train, and those of the whole network that are not zero.
        scores: the final ones, on test and training images; None: it diverged.
        inference: what inference with the network costs.
        kept: the place in the curves of the epoch whose weights the network has.
    """
    metrics = {
        "params": float(parameters[0]),
        "params.nonzero": float(parameters[1]),
        "epochs": float(len(curves.lr)),
        "train_seconds": seconds,
        **inference,
    }
    correct = None
    if scores is not None:
        test, seen = scores
        correct = pack(test.correct)
        metrics |= {
            "top1": test.top1,
            "train_top1": seen.top1,
            "gap": seen.top1 - test.top1,
            "val_top1": curves.val_top1[kept],
            "val_loss": curves.val_loss[kept],
            "train_loss": curves.train_loss[kept],
        }
    values = {name: tuple(values) for name, values in vars(curves).items()}
    return Measured(metrics, values, correct, scores is None)


def pack(correct: Tensor) -> bytes:
    """Per-example correctness (bool [N]) eight to a byte, the first example in the highest bit."""
    return np.packbits(correct.cpu().numpy()).tobytes()
