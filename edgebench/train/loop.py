"""The training loop: epochs of optimisation, validation after each, and nothing that knows a method by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from edgebench.claim.optimisation import StopSettings
from edgebench.methods.hooks import Method
from edgebench.train.stopping import EarlyStopping, Score

Batches = Iterable[tuple[Tensor, Tensor]]
Forward = Callable[[Tensor], Tensor]


@dataclass
class Curves:
    """One value per finished epoch.

    Attributes:
        train_loss: mean over the epoch's batches of the loss that was optimised, nats.
        val_loss: cross-entropy on the validation images, nats.
        val_top1: accuracy on the validation images, %.
        lr: learning rate of the epoch.
    """

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_top1: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)


class Diverged(Exception):
    """The loss is no longer a finite number."""


def fit(
    model: nn.Module,
    batches: Batches,
    validation: Sequence[tuple[Tensor, Tensor]],
    *,
    optimiser: Optimizer,
    schedule: LRScheduler,
    methods: Sequence[Method],
    epochs: int,
    label_smoothing: float,
    curves: Curves,
    forward: Forward | None = None,
    scaler: GradScaler | None = None,
    stop: StopSettings | None = None,
) -> int:
    """Train for `epochs`; `batches` yields one epoch each time it is iterated. Results are added to `curves`.

    Training steps call `forward` instead of the model where it is given: the same network, compiled or in mixed
    precision. `scaler` keeps the gradients of fp16 from vanishing. `stop` ends it earlier.

    Returns:
        The place in `curves` of the epoch whose weights the network has.

    Raises:
        Diverged: at the first loss that is NaN or infinite; `curves` then holds the epochs finished before.
    """
    stopping = EarlyStopping(stop)
    for epoch in range(1, epochs + 1):
        rate = float(optimiser.param_groups[0]["lr"])
        model.train()
        for method in methods:
            method.before_epoch(model, epoch, epochs)
        train_loss = train_epoch(model, batches, optimiser, methods, label_smoothing, forward, scaler)
        for method in methods:
            method.after_epoch(model, epoch)
        score = evaluate(model, validation)
        if not math.isfinite(score.loss):
            raise Diverged
        curves.lr.append(rate)
        curves.train_loss.append(train_loss)
        curves.val_loss.append(score.loss)
        curves.val_top1.append(score.top1)
        schedule.step()
        if stopping.stops(model, score):
            break
    return len(curves.lr) - 1 - stopping.finish(model)


def train_epoch(
    model: nn.Module,
    batches: Batches,
    optimiser: Optimizer,
    methods: Sequence[Method],
    label_smoothing: float,
    forward: Forward | None = None,
    scaler: GradScaler | None = None,
) -> float:
    """One step for each batch; returns the mean over batches of the loss that was optimised (of its first pass), nats.

    Args:
        model: in training mode, what is frozen of it in that of evaluation.

    Raises:
        Diverged: at the first loss that is NaN or infinite.
    """
    run = model if forward is None else forward  # a compiled network has no truth value
    total, count = 0.0, 0
    for images, labels in batches:
        targets = labels
        for method in methods:
            images, targets = method.batch(images, targets)
        optimiser.zero_grad(set_to_none=True)
        values = []
        for weight in _passes(model, methods):
            logits = run(images)
            loss = cross_entropy(logits, targets, label_smoothing=label_smoothing)
            for method in methods:
                loss = method.loss(logits, loss)
            values.append(loss.item())
            if not math.isfinite(values[-1]):
                raise Diverged
            loss = loss if weight == 1 else weight * loss
            (loss if scaler is None else scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
        if scaler is None:
            optimiser.step()
        else:
            scaler.step(optimiser)
            scaler.update()
        total, count = total + values[0], count + 1
    return total / count


def _passes(model: nn.Module, methods: Sequence[Method]) -> Iterable[float]:
    for method in methods:
        if (passes := method.passes(model)) is not None:
            return passes
    return (1.0,)


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> Score:
    """Score a network in evaluation mode on un-augmented batches."""
    model.eval()
    loss, count, correct = 0.0, 0, []
    for images, labels in batches:
        logits = model(images)
        loss += cross_entropy(logits, labels, reduction="sum").item()
        correct.append(logits.argmax(1) == labels)
        count += len(labels)
    return Score(loss / count, torch.cat(correct))
