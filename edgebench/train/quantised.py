"""A trained network quantised and scored: what a trial with `quantise` does, from the weights of the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import evaluation_batches
from edgebench.data.folds import held_out
from edgebench.data.prepared import prepare
from edgebench.data.split import split
from edgebench.errors import TrialError
from edgebench.methods import strategy
from edgebench.methods.quantise import int8
from edgebench.models import checkpoint
from edgebench.run.record import Measured
from edgebench.run.trial import seed_value
from edgebench.train.device import ready
from edgebench.train.loop import evaluate
from edgebench.train.start import build_model, laid_out
from edgebench.train.trial import pack


def run_quantised(
    settings: TrainSettings, seed: int, content: str | None = None, *, weights: bytes | None = None
) -> Measured:
    """Load the trained weights, quantise on un-augmented training images of the seed's split, and score.

    Always on the CPU. What the training measured besides (curves, costs) is not here: `record.inherited` adds it.

    Args:
        content: digest that the dataset must have (`Trial.data`).
        weights: the artefact of the same training without `quantise`.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built, or not be quantised.
        TrialError: the artefact is missing.
    """
    if weights is None or settings.quantise is None:
        raise TrialError("the trained weights that are to be quantised were not handed over")
    ready("cpu")
    data = prepare(settings.data, content)
    fold = held_out(data.train_labels, settings.data, seed_value(seed, "folds"))
    train, val = split(data.train_labels, settings.data, seed_value(seed, "split"), fold)
    model = build_model(settings, data, seed)
    if settings.method is not None:
        model = laid_out(strategy.apply(model, settings.method, size=data.shape[1:]))
    wanted = checkpoint.load_state(weights, model, "the trained weights", whole=True)
    data = replace(data, mean=wanted.mean, std=wanted.std)
    # From all over the split, whatever order its images have.
    chosen = train[np.linspace(0, len(train) - 1, min(settings.quantise.calibration, len(train))).astype(int)]
    images = torch.cat([images for images, _ in evaluation_batches(data, "train", chosen, batch=64)])
    network = int8(model, images, settings.quantise)
    tested = evaluation_batches(data, "test") if fold is None else evaluation_batches(data, "train", fold)
    test = evaluate(network, tested)
    seen = evaluate(network, evaluation_batches(data, "train", train))
    held = evaluate(network, evaluation_batches(data, "train", val))
    return Measured(
        {
            "top1": test.top1,
            "train_top1": seen.top1,
            "gap": seen.top1 - test.top1,
            "val_top1": held.top1,
            "val_loss": held.loss,
            "model_bytes": float(network.model_bytes),
        },
        correct=pack(test.correct),
    )
