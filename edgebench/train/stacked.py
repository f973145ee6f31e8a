"""Several seeds of one arm trained by one program: their networks stacked, and one step for all of them at a time.

A tiny network leaves most of a GPU idle, and a step of it costs little but the launches of its kernels; S seeds share
them. Each seed keeps its own weights, statistics, batches and noise, so that it is trained as it would be alone: the
gradient of the summed loss with respect to one seed's weights is that of its own loss, and the optimisers' updates are
elementwise. Only the order of floating-point sums differs. Tests hold this against separate training on the CPU; it
has not been run on a GPU yet.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy
from torch.nn.modules.dropout import _DropoutNd
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import Batch
from edgebench.data.prepared import prepare
from edgebench.methods.hooks import Method
from edgebench.methods.mixing import mixing_of
from edgebench.run.record import Measured
from edgebench.run.trial import seed_value
from edgebench.train.device import ready
from edgebench.train.loop import Curves
from edgebench.train.optimiser import build_optimiser, trainable_parameters
from edgebench.train.schedule import build_schedule
from edgebench.train.start import build_model
from edgebench.train.stopping import Score
from edgebench.train.trial import Start, measured, set_up


class Stack(nn.Module):
    """S networks of one architecture as one module: [S, B, C, H, W] to [S, B, classes].

    Its parameters are those of the networks, each with a first dimension of S; so are its buffers.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        parameters, self._statistics = stack_module_state(list(networks))
        self._names = list(parameters)
        self._stacked = nn.ParameterList(
            nn.Parameter(each.detach(), each.requires_grad) for each in parameters.values()
        )
        # In a list, so that it is no submodule: it lends its code, and has no values of its own.
        self._code = [copy.deepcopy(networks[0]).to("meta")]

    def forward(self, images: Tensor) -> Tensor:
        self._code[0].train(self.training)
        parameters = dict(zip(self._names, self._stacked, strict=True))
        with warnings.catch_warnings():
            # Operations without a rule for stacks are done one seed after another: slower, and timed like the rest.
            warnings.filterwarnings("ignore", message="There is a performance drop")
            logits: Tensor = vmap(self._one)(parameters, self._statistics, images)
        return logits

    @torch.no_grad()
    def hand_back(self, networks: Sequence[nn.Module]) -> None:
        """Copy the values into the networks, in their order, in place."""
        values = {**dict(zip(self._names, self._stacked, strict=True)), **self._statistics}
        for index, network in enumerate(networks):
            for name, tensor in (*network.named_parameters(), *network.named_buffers()):
                tensor.copy_(values[name][index])

    def nonzero(self, index: int) -> int:
        """Parameters of a network that are not zero."""
        return sum(int(each[index].count_nonzero()) for each in self._stacked)

    def _one(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        logits: Tensor = functional_call(self._code[0], (parameters, buffers), (images,))
        return logits


class StackedBatches:
    """The seeds' training batches side by side; each iteration over it is one epoch.

    Methods draw from torch's global CPU generator, which is put into each seed's own state before its turn.
    """

    def __init__(self, starts: Sequence[Start]) -> None:
        self._starts = starts
        generators = (torch.Generator().manual_seed(seed_value(start.seed, "noise")) for start in starts)
        self._noise = [generator.get_state() for generator in generators]

    def __iter__(self) -> Iterator[Batch]:
        """One epoch of (float32 [S, B, C, H, W], int64 [S, B] or, once mixed, float [S, B, classes])."""
        for parts in zip(*(start.batches for start in self._starts), strict=True):
            made = [self._transformed(index, *part) for index, part in enumerate(parts)]
            yield torch.stack([images for images, _ in made]), torch.stack([targets for _, targets in made])

    def _transformed(self, index: int, images: Tensor, targets: Tensor) -> Batch:
        if methods := self._starts[index].methods:
            torch.set_rng_state(self._noise[index])
            for method in methods:
                images, targets = method.batch(images, targets)
            self._noise[index] = torch.get_rng_state()
        return images, targets


def run_stacked(
    settings: TrainSettings,
    seeds: Sequence[int],
    content: str | None = None,
    device: str = "cpu",
    *,
    keeps: bool = False,
) -> list[Measured]:
    """As `run_training` for each of the seeds, in their order, but in one program.

    `train_seconds` of a seed is its share, the program's time over the number of seeds. A seed that diverges has its
    curves up to there, and the others go on.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    where = ready(device)
    data = prepare(settings.data, content)
    starts = [set_up(settings, data, seed, where) for seed in seeds]
    stack = Stack([start.model for start in starts])
    optimiser = build_optimiser(settings.optimiser, stack, stacked=1)
    schedule = build_schedule(settings.schedule, optimiser, settings.epochs)
    curves = [Curves() for _ in seeds]
    started = time.perf_counter()
    sound = _fit(stack, starts, optimiser, schedule, settings, curves)
    seconds = (time.perf_counter() - started) / len(seeds)
    scores: list[tuple[Score, Score] | None] = [None] * len(seeds)
    if any(sound):
        tests, seen = zip(*(start.final_batches() for start in starts), strict=True)
        both = zip(evaluate(stack, tests), evaluate(stack, seen), strict=True)
        scores = [found if well else None for found, well in zip(both, sound, strict=True)]
    trained = trainable_parameters(stack) // len(seeds)
    counts = [(trained, stack.nonzero(index)) for index in range(len(seeds))]
    inference = starts[0].inference_costs()
    found = [
        measured(count, seconds, curve, score, inference)
        for count, curve, score in zip(counts, curves, scores, strict=True)
    ]
    if not keeps:
        return found
    stack.hand_back([start.model for start in starts])
    return [
        each if each.diverged else replace(each, artefact=start.artefact())
        for start, each in zip(starts, found, strict=True)
    ]


def _fit(
    stack: Stack,
    starts: Sequence[Start],
    optimiser: Optimizer,
    schedule: LRScheduler,
    settings: TrainSettings,
    curves: Sequence[Curves],
) -> list[bool]:
    """Train all seeds; the curves get one value per finished epoch. Returns which of them did not diverge."""
    batches = StackedBatches(starts)
    validation = [start.validation for start in starts]
    sound = [True] * len(starts)
    for _ in range(settings.epochs):
        rate = float(optimiser.param_groups[0]["lr"])
        stack.train()
        # Added up on the device, and looked at once an epoch, so that no step waits for the one before it.
        total = torch.zeros(len(starts), dtype=torch.float64, device=starts[0].device)
        count = 0
        for images, targets in batches:
            total += step(stack, images, targets, optimiser, settings.label_smoothing)
            count += 1
        losses = (total / count).tolist()
        for index, score in enumerate(evaluate(stack, validation)):
            sound[index] &= math.isfinite(losses[index]) and math.isfinite(score.loss)
            if sound[index]:
                curves[index].lr.append(rate)
                curves[index].train_loss.append(losses[index])
                curves[index].val_loss.append(score.loss)
                curves[index].val_top1.append(score.top1)
        if not any(sound):
            break
        schedule.step()
    return sound


def step(
    stack: Stack, images: Tensor, targets: Tensor, optimiser: Optimizer, label_smoothing: float
) -> Tensor:
    """One step of every seed; returns their losses, [S] on the device, in nats."""
    losses = _losses(stack(images), targets, label_smoothing).mean(1)
    optimiser.zero_grad(set_to_none=True)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return losses.detach()


def _losses(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of every image, [S, B]."""
    each = cross_entropy(
        logits.flatten(0, 1), targets.flatten(0, 1), label_smoothing=label_smoothing, reduction="none"
    )
    return each.view(logits.shape[:2])


@torch.inference_mode()
def evaluate(stack: Stack, batches: Sequence[Sequence[Batch]]) -> list[Score]:
    """As `loop.evaluate` for each of the seeds, of which each has batches of its own, equal in number and size."""
    stack.eval()
    device = next(stack.parameters()).device
    loss, count, correct = torch.zeros(len(batches), dtype=torch.float64, device=device), 0, []
    for parts in zip(*batches, strict=True):
        labels = torch.stack([labels for _, labels in parts])
        logits = stack(torch.stack([images for images, _ in parts]))
        loss += _losses(logits, labels).sum(1)
        correct.append(logits.argmax(2) == labels)
        count += labels.shape[1]
    return [Score(*each) for each in zip((loss / count).tolist(), torch.cat(correct, 1), strict=True)]


def stackable(settings: TrainSettings, content: str | None = None, device: str = "cpu") -> str | None:
    """Why seeds of an arm cannot be trained by one program as they would be alone, or None when they can.

    Two networks are put through one training step on a few random images, stacked and alone, because which operations
    can be stacked is known only by doing them. In float64: the normalisations of a deep network blow up the rounding of
    float32 until it looks like a mistake.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    where = ready(device)
    data = prepare(settings.data, content)
    for method in mixing_of(settings.augment, data.classes):
        if hooks := _hooks(method) - {"batch"}:
            return f"{type(method).__name__} acts on each network ({', '.join(sorted(hooks))})"
    networks = [build_model(settings, data, seed).to(where, torch.float64) for seed in (0, 1)]
    if any(isinstance(module, _DropoutNd) and module.p > 0 for module in networks[0].modules()):
        return "its dropout would draw other noise than for a seed alone"
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 4, *data.shape, generator=generator, dtype=torch.float64).to(where)
    try:
        stacked = Stack(networks)(images)
        stacked.square().mean().backward()
    except (RuntimeError, TypeError, ValueError) as error:
        return f"torch cannot stack {settings.model.name}: {str(error).splitlines()[0]}"
    with torch.no_grad():
        alone = torch.stack([network(each) for network, each in zip(networks, images, strict=True)])
    if not torch.allclose(stacked, alone, rtol=1e-6, atol=1e-6 * alone.abs().max().item()):
        return f"a stack of {settings.model.name} computes other values than the networks alone"
    return None


def _hooks(method: Method) -> set[str]:
    """The hooks that a method really has."""
    return {name for name in vars(Method) if getattr(type(method), name) is not getattr(Method, name)} - {
        "__module__",
        "__doc__",
        "__dict__",
        "__weakref__",
    }
