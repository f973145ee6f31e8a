"""A trial of kind `detect`: settings and a seed in, measurements out. The same twice on one machine, bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from edgebench.claim.settings import DataSettings, DetectSettings
from edgebench.data.prepared_scenes import Scenes, prepare_scenes
from edgebench.data.raw import Labels
from edgebench.data.scene_batches import EvaluationScenes, Objects, SceneBatch, TrainScenes
from edgebench.data.split import split
from edgebench.detect.anchors import anchors_of
from edgebench.detect.average_precision import average_precision
from edgebench.detect.detections import Detections, detect
from edgebench.detect.loss import detection_loss
from edgebench.detect.network import ANCHORS, Backbone, Detector, scales
from edgebench.measure.inference import inference_costs
from edgebench.models import checkpoint, registry
from edgebench.run.record import Measured
from edgebench.run.trial import seed_value
from edgebench.train.device import ready
from edgebench.train.loop import Diverged
from edgebench.train.methods import stream
from edgebench.train.optimiser import build_optimiser, trainable_parameters
from edgebench.train.schedule import build_schedule
from edgebench.train.start import CALIBRATION, laid_out, loaded

EVALUATION_BATCH = 64


@dataclass
class Curves:
    """One value per finished epoch.

    Attributes:
        train_loss: mean over the epoch's batches.
        val_loss: mean over the validation scenes.
        lr: learning rate of the epoch.
    """

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)


def run_detection(
    settings: DetectSettings,
    seed: int,
    content: str | None = None,
    device: str = "cpu",
    *,
    weights: bytes | None = None,
) -> Measured:
    """Train a detector, validate after every epoch, and test the network of the last epoch once.

    Args:
        content: digest that the scenes must have (`Trial.data`).
        device: `cpu` or `cuda`.
        weights: the artefact of the pretraining that the settings ask for.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    where = ready(device)
    scenes = prepare_scenes(settings.data, content)
    train, val = _split(settings, scenes, seed)
    detector, scenes = build_detector(settings, scenes, seed, weights)
    detector = detector.to(where)
    optimiser = build_optimiser(settings.optimiser, detector)
    schedule = build_schedule(settings.schedule, optimiser, settings.epochs)
    streams = stream(seed, "order"), stream(seed, "augment")
    batches = TrainScenes(scenes, train, settings.augment, settings.batch, *streams, where)
    validation = EvaluationScenes(scenes, scenes.train, val, EVALUATION_BATCH, where)
    curves = Curves()
    torch.manual_seed(seed_value(seed, "noise"))
    began = time.perf_counter()
    try:
        _fit(detector, batches, validation, optimiser, schedule, settings.epochs, curves)
        diverged = False
    except Diverged:
        diverged = True
    metrics = {
        "params": float(trainable_parameters(detector)),
        "train_seconds": time.perf_counter() - began,
        **inference_costs(detector, scenes.shape),
    }
    if not diverged:
        everything = np.arange(len(scenes.test.ends))
        test = EvaluationScenes(scenes, scenes.test, everything, EVALUATION_BATCH, where)
        metrics |= {
            "ap50": average_precision(found_in(detector, test), scenes.classes),
            "val_loss": curves.val_loss[-1],
            "train_loss": curves.train_loss[-1],
        }
    values = {name: tuple(values) for name, values in vars(curves).items()}
    return Measured(metrics, values, diverged=diverged)


def build_detector(
    settings: DetectSettings, scenes: Scenes, seed: int, weights: bytes | None = None
) -> tuple[Detector, Scenes]:
    """The detector with the seed's initial weights, in channels-last memory order.

    The backbone is the classifier of that name without its end, so that it loads what a classifier's training left. The
    head's weights have a stream of their own: they are the same whatever the backbone starts from.

    Returns:
        The network, and the scenes with the normalisation that its weights expect.

    Raises:
        DataError, ModelError, SettingsError: the network or the weights do not fit the scenes.
        TrialError: the artefact is missing.
    """
    torch.manual_seed(seed_value(seed, "init"))
    channels, height, width = scenes.shape
    model = registry.build(settings.model, in_channels=channels, classes=scenes.classes, size=(height, width))
    scenes = _started(settings, scenes, model, weights)
    backbone = Backbone(laid_out(model), scenes.shape)
    sizes = scenes.train.boxes[:, 2:] - scenes.train.boxes[:, :2]
    anchors = torch.from_numpy(anchors_of(sizes[scenes.train.flags == 0], scales(backbone) * ANCHORS))
    torch.manual_seed(seed_value(seed, "head"))
    return _laid_out(Detector(backbone, anchors, scenes.classes, settings.head)), scenes


def found_in(detector: Detector, batches: Iterable[SceneBatch]) -> Iterator[tuple[Detections, Objects]]:
    """What a detector finds in evaluation mode, with what is there."""
    detector.eval()
    for images, objects in batches:
        with torch.inference_mode():
            yield detect(detector, images), objects


def _laid_out(detector: Detector) -> Detector:
    laid_out(detector)  # in place
    return detector


def _split(settings: DetectSettings, scenes: Scenes, seed: int) -> tuple[Labels, Labels]:
    """Indices of training and validation scenes; there are no classes to balance."""
    count = DataSettings(name=settings.data.name, train=settings.data.train, val=settings.data.val)
    return split(np.zeros(len(scenes.train.ends), np.int64), count, seed_value(seed, "split"))


def _started(settings: DetectSettings, scenes: Scenes, model: nn.Module, weights: bytes | None) -> Scenes:
    """Load the weights that the settings start from; the scenes with the normalisation that they expect."""
    if settings.start is None:
        return scenes
    wanted = loaded(
        settings.start, model, settings.model, scenes.shape[0], lambda: _calibration(scenes), weights
    )
    return replace(scenes, mean=wanted.mean, std=wanted.std)


def _calibration(scenes: Scenes) -> Tensor:
    """Images from all over the training set, the same for every seed, as folded checkpoints want them."""
    total = len(scenes.train.ends)
    chosen = np.linspace(0, total - 1, min(CALIBRATION, total)).astype(int)
    half = replace(scenes, mean=checkpoint.HALF.mean, std=checkpoint.HALF.std)
    batches = EvaluationScenes(half, half.train, chosen, 32, torch.device("cpu"))
    return torch.cat([images for images, _ in batches])


def _fit(
    detector: Detector,
    batches: TrainScenes,
    validation: EvaluationScenes,
    optimiser: Optimizer,
    schedule: LRScheduler,
    epochs: int,
    curves: Curves,
) -> None:
    """Train; results go to `curves`.

    Raises:
        Diverged: at the first loss that is NaN or infinite; `curves` then holds the epochs finished before.
    """
    for _ in range(epochs):
        rate = float(optimiser.param_groups[0]["lr"])
        train_loss = _train_epoch(detector, batches, optimiser)
        val_loss = _validate(detector, validation)
        if not math.isfinite(val_loss):
            raise Diverged
        curves.lr.append(rate)
        curves.train_loss.append(train_loss)
        curves.val_loss.append(val_loss)
        schedule.step()


def _train_epoch(detector: Detector, batches: TrainScenes, optimiser: Optimizer) -> float:
    detector.train()
    losses = []
    for images, objects in batches:
        loss = detection_loss(detector, detector(images), objects)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise Diverged
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return sum(losses) / len(losses)


@torch.inference_mode()
def _validate(detector: Detector, validation: EvaluationScenes) -> float:
    detector.eval()
    total, count = 0.0, 0
    for images, objects in validation:
        total += detection_loss(detector, detector(images), objects).item() * len(images)
        count += len(images)
    return total / count
