"""Trials of kind `latency`: how long training steps and inference take, all arms of a claim in turn in one process.

Times of different processes, or of different minutes of one process, differ by more than the methods do: clocks,
caches, allocators and neighbours change. Within a round every arm is timed once, in an order that is drawn anew, so
that all of them meet the same conditions. Each time is the median over the rounds; a trial is one repetition.

As in MobileTL's Table 6 (random data, forward and backward pass, the model loaded and warmed up before), no optimiser
runs, and setting the gradients to None is not timed. Weights are random: no operation here takes its time from values.

With `netaug`, a step passes the base and a larger network, and what is inferred with is the exported base (`passes`).

With `augment`, a step starts from a batch of images of random bytes in memory, and what prepares it is what a training
calls: drawing, gathering, cropping, mirroring, operations, normalising, mixing. Each step is an epoch of one batch, so
that what is drawn once an epoch has its share in every step. Reading and decoding files is not part of it. Random
operations take as long on random bytes as on smooth images: 0.97 and 1.06 times, at 32 and 64 px.
"""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgebench.claim.augment import AugmentSettings
from edgebench.claim.latency import LatencyGroup
from edgebench.claim.settings import LatencySettings
from edgebench.data.batches import STREAMS, Batch, TrainBatches
from edgebench.data.prepared import Prepared
from edgebench.errors import SettingsError
from edgebench.measure.passes import NetAugPasses, Passes, scaled
from edgebench.methods import strategy
from edgebench.methods.mixing import mixing_of
from edgebench.models import registry
from edgebench.run.environment import available_cores
from edgebench.run.record import Measured
from edgebench.run.trial import seed_value
from edgebench.train.device import finish, ready
from edgebench.train.start import laid_out

# Rounds that are not counted: the first steps prepare kernels and fill the allocator, and a GPU raises its clock.
_WARM_UP = {"cpu": 2, "cuda": 10}

Stamp = float | torch.cuda.Event

# In ms, of one round: batch_ms is 0 where the batch is there.
_TIMES = ("batch_ms", "forward_ms", "backward_ms", "step_ms", "infer_ms")


def run_latency(group: LatencyGroup, seed: int, device: str = "cpu") -> Measured:
    """Time all arms in turn and return the median of each, in ms, as `ARM/step_ms` and so on, and `ARM/step_macs`.

    A classifier's step is the forward pass, the cross-entropy with random labels, and the backward pass; with `augment`
    it first prepares its batch, which takes `ARM/batch_ms`. A single block (a registered name that is no classifier) is
    taken from the middle of a network: a random gradient comes from above, and the gradient reaches its input. Networks
    are laid out as for a training here (channels last), in float32.

    Args:
        group: the arms by name.
        seed: index of the repetition, from which weights, data and the order within each round are drawn.
        device: `cpu` or `cuda`. On a GPU, times are those of its own events, and operations may be non-deterministic.

    Raises:
        SettingsError: more threads than this process has cores, an impossible input or model, no GPU, or a batch to
            be prepared that no classifier trains on.
        ModelError: the model cannot be built, the method or NetAug not applied to it, or a batch of 1 has no batch
            statistics.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0
    with _undisturbed(), torch.random.fork_rng(devices=[]):
        target = ready(device)
        # Some operations of mobile networks have no deterministic form on a GPU; results are not looked at here.
        torch.use_deterministic_algorithms(False)
        arms = [_Arm.build(name, settings, seed, target) for name, settings in sorted(group.arms.items())]
        order = random.Random(seed_value(seed, "order"))
        rounds = max(arm.settings.rounds for arm in arms)
        for index in range(-_WARM_UP[target.type], rounds):
            order.shuffle(arms)
            for arm in arms:
                times = arm.once(target)
                if index >= 0:
                    arm.times.append(times)
    metrics = {f"{arm.name}/{name}": value for arm in arms for name, value in arm.metrics().items()}
    threads = ", ".join(sorted({str(arm.settings.threads) for arm in arms}))
    return Measured(metrics, how={"threads": threads, "rounds": rounds, "load.before": round(load, 2)})


@dataclass
class _Arm:
    """A network with its input, and the times that it took so far: one for each of `_TIMES`, in ms."""

    name: str
    settings: LatencySettings
    passes: Passes
    x: Tensor
    labels: Tensor | None  # of a classifier
    gradient: Tensor | None  # of the output of a block
    prepare: Callable[[], Batch] | None  # the next batch, where it is not always `x`
    times: list[tuple[float, ...]]

    @classmethod
    def build(cls, name: str, settings: LatencySettings, seed: int, device: torch.device) -> _Arm:
        shape = settings.input
        if len(shape) != 4:
            raise SettingsError(
                f"input has {len(shape)} dimensions", expected="4: batch, channels, height, width"
            )
        if settings.threads > (cores := available_cores()):
            raise SettingsError(
                f"{settings.threads} threads where this process may use {cores} cores",
                expected="a core for each thread",
            )
        is_block, classes = registry.is_block(settings.model.name), settings.classes or 1000
        prepare = None
        if settings.augment is not None:
            if is_block or shape[1] not in (1, 3):
                raise SettingsError(
                    f"'augment' with '{settings.model.name}' and {shape[1]} channels",
                    expected="a classifier of images with 1 or 3 channels",
                )
            prepare = _prepares(settings.augment, shape, classes, seed, device)
        torch.manual_seed(seed_value(seed, "init"))
        model = registry.build(
            settings.model, in_channels=shape[1], classes=classes, size=(shape[2], shape[3])
        )
        if settings.method is not None:
            model = strategy.apply(model, settings.method, size=(shape[2], shape[3]))
        model = laid_out(model).to(device)
        passes = Passes(model) if settings.netaug is None else NetAugPasses(model, settings.netaug, seed)
        torch.manual_seed(seed_value(seed, "noise"))
        x = torch.randn(shape).to(device, memory_format=torch.channels_last).requires_grad_(is_block)
        labels, gradient = torch.randint(classes, shape[:1]).to(device), None
        if is_block:
            with torch.no_grad():
                gradient = torch.randn_like(model.eval()(x))
        return cls(name, settings, passes, x, None if is_block else labels, gradient, prepare, [])

    def once(self, device: torch.device) -> tuple[float, ...]:
        """A training step and an inference."""
        torch.set_num_threads(self.settings.threads)
        model = self.passes.model
        model.train()
        model.zero_grad(set_to_none=True)
        self.x.grad = None
        finish(device)
        start = _stamp(device)
        x, labels = (self.x, self.labels) if self.prepare is None else self.prepare()
        begun = start if self.prepare is None else _stamp(device)
        stamps = [begun]  # then after each forward and each backward pass
        for weight in self.passes.step():
            out = _run(model, x)
            if labels is not None:
                out = cross_entropy(out, labels)
            if weight != 1:
                out = weight * out
            stamps.append(_stamp(device))
            torch.autograd.backward(out, self.gradient)
            stamps.append(_stamp(device))
            del out
        parts = [_ms(since, until) for since, until in pairwise(stamps)]
        step = (_ms(start, begun), sum(parts[::2]), sum(parts[1::2]), _ms(start, stamps[-1]))
        model = self.passes.inference.eval()
        with torch.inference_mode():
            finish(device)
            start = _stamp(device)
            model(self.x)
            return (*step, _ms(start, _stamp(device)))

    def metrics(self) -> dict[str, float]:
        """Medians in ms, with the threads and, where they can be counted, the multiply-accumulates of a step."""
        times = dict(zip(_TIMES, map(list, zip(*self.times, strict=True)), strict=True))
        macs = self.passes.macs(self.settings.input, len(self.times))
        if self.settings.netaug is not None and macs is not None:
            forward, backward = (scaled(times[name], macs) for name in ("forward_ms", "backward_ms"))
            passing = [
                whole - first for whole, first in zip(times["step_ms"], times["batch_ms"], strict=True)
            ]
            steps = [sum(each) for each in zip(times["batch_ms"], scaled(passing, macs), strict=True)]
            times |= {"forward_ms": forward, "backward_ms": backward, "step_ms": steps}
        if self.prepare is None:
            del times["batch_ms"]
        found = {name: median(each) for name, each in times.items()}
        if macs is not None:
            found["step_macs"] = fmean(macs)
        return found | {"threads": float(self.settings.threads)}


def _run(model: nn.Module, x: Tensor) -> Tensor:
    try:
        out: Tensor = model(x)
    except ValueError as error:
        if (explained := strategy.explain(error)) is not None:
            raise explained from error
        raise
    return out


def _prepares(
    augment: AugmentSettings, shape: tuple[int, ...], classes: int, seed: int, device: torch.device
) -> Callable[[], Batch]:
    """What prepares one training batch after the other from random images, as many as a batch has.

    Args:
        shape: of a batch, (B, C, H, W).
        classes: labels are drawn from them.
    """
    draw = np.random.default_rng(seed_value(seed, "images"))
    count, channels, height, width = shape
    images = draw.integers(0, 256, (count, height, width, channels), np.uint8)
    labels = draw.integers(0, classes, count)
    # Of no folder; the name keeps sets apart that are moved to a device.
    folder = Path(f"random images {seed} {shape} {classes}")
    names = tuple(map(str, range(classes)))
    grey = (0.5,) * channels
    data = Prepared(folder, images, labels, images[:0], labels[:0], names, "", grey, grey)
    order, crops, *others = (
        torch.Generator().manual_seed(seed_value(seed, purpose)) for purpose in ("order", "augment", *STREAMS)
    )
    streams = dict(zip(STREAMS, others, strict=True))
    batches = TrainBatches(data, range(count), augment, count, order, crops, device, **streams)
    methods = mixing_of(augment, classes)

    def prepare() -> Batch:
        (batch,) = batches
        for method in methods:
            batch = method.batch(*batch)
        return batch

    return prepare


def _stamp(device: torch.device) -> Stamp:
    """This moment on the device's own clock: a GPU is not waited for, which would slow down what comes next."""
    if device.type == "cpu":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event


def _ms(since: Stamp, until: Stamp) -> float:
    if isinstance(since, float) or isinstance(until, float):
        assert isinstance(since, float)
        assert isinstance(until, float)
        return 1e3 * (until - since)
    until.synchronize()
    return float(since.elapsed_time(until))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection meanwhile; afterwards this process's torch is set as it was."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
