"""Seeds of one arm in one process: in one program where that is possible and faster, else one after the other.

On a CPU, always one after the other. A seed's result is then the same bit for bit whichever seeds run beside it, and
little could be gained: of micronet on digits, five seeds in a stack took 1.1-1.2 times the processor time of five alone
at batch 64, and 0.9 times at batch 16, where dispatching operations is most of the work; of MobileNet v1 at width 0.25,
1.5 times.

On a GPU the faster way is found by trying both. Results of the two ways differ by rounding, so there a result may
depend on what was chosen; each record says it. Neither way has been run on a GPU yet: tests try its code on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch

from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import Batch
from edgebench.data.prepared import prepare
from edgebench.run.record import Measured
from edgebench.train.device import finish, ready
from edgebench.train.loop import Diverged, train_epoch
from edgebench.train.optimiser import build_optimiser
from edgebench.train.stacked import Stack, StackedBatches, run_stacked, stackable, step
from edgebench.train.trial import run_training, set_up

WARM_UP, STEPS = 3, 10
ON_A_CPU = "on a CPU, seeds apart give the same bits whichever of them run"
_NO_ROOM = "the device has not enough memory for all of them at once"


@dataclass(frozen=True)
class Choice:
    """How many seeds one program trains.

    Attributes:
        seeds: 1 for one after the other.
        why: in words.
        stacked_ms: measured time of a step of all seeds in one program; None if not measured.
        separate_ms: the same for a step of each of them alone.
    """

    seeds: int
    why: str
    stacked_ms: float | None = None
    separate_ms: float | None = None

    def described(self) -> dict[str, str | int | float]:
        """For the record of a trial."""
        said: dict[str, str | int | float] = {"together": self.seeds, "together_why": self.why}
        if self.stacked_ms is not None and self.separate_ms is not None:
            said |= {"stacked_ms": round(self.stacked_ms, 3), "separate_ms": round(self.separate_ms, 3)}
        return said


def run_trainings(
    settings: TrainSettings,
    seeds: Sequence[int],
    content: str | None = None,
    device: str = "cpu",
    *,
    weights: bytes | None = None,
    keeps: bool = False,
) -> list[Measured]:
    """Train seeds of one arm, and return what each measured, in their order.

    With several seeds, what was chosen and why is in each one's `how`. A seed that diverges in a program with others is
    trained again alone, so that no kernel that lets a NaN reach its neighbours can decide an outcome.

    Args:
        content: digest that the dataset must have (`Trial.data`).
        device: `cpu` or `cuda`.
        weights: the artefact of the pretraining that the settings ask for.
        keeps: return the trained weights as an artefact.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """

    def alone(seed: int) -> Measured:
        return run_training(settings, seed, content, device, weights=weights, keeps=keeps)

    if len(seeds) == 1:
        return [alone(seeds[0])]
    choice = together(settings, seeds, content, device)
    found: list[Measured] = []
    if choice.seeds > 1:
        try:
            found = run_stacked(settings, seeds, content, device, keeps=keeps)
        except torch.OutOfMemoryError:
            choice = replace(choice, seeds=1, why=_NO_ROOM)
    if not found:
        found = [alone(seed) for seed in seeds]
    elif any(measured.diverged for measured in found):
        found = [
            alone(seed) if measured.diverged else measured
            for seed, measured in zip(seeds, found, strict=True)
        ]
    return [replace(measured, how={**measured.how, **choice.described()}) for measured in found]


def together(
    settings: TrainSettings, seeds: Sequence[int], content: str | None = None, device: str = "cpu"
) -> Choice:
    """How many of the waiting seeds one program should train: all of them, or one.

    On a GPU both ways are timed on the arm's own batches; on a CPU the answer is 1 without asking.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
    """
    where = ready(device)
    if where.type == "cpu":
        return Choice(1, ON_A_CPU)
    if settings.start is not None or settings.method is not None:
        return Choice(1, "networks that are fine-tuned are trained one after the other")
    if settings.netaug is not None or settings.distill is not None or settings.dropblock is not None:
        return Choice(1, "methods that act within a network or its loss are applied one seed after the other")
    if settings.hooks is not None or settings.measure is not None:
        return Choice(1, "what other packages add is applied one seed after the other")
    if settings.stop is not None or settings.then is not None or settings.unfrozen is not None:
        return Choice(1, "trainings in stages, or that stop early, are done one seed after the other")
    if settings.model.name == "dual-input" or settings.second_input is not None:
        return Choice(1, "networks of two inputs or outputs are trained one after the other")
    if settings.precision is not None:
        return Choice(1, "steps in mixed precision are taken one seed after the other")
    if reason := stackable(settings, content, device):
        return Choice(1, reason)
    try:
        return compared(settings, seeds, content, device)
    except torch.OutOfMemoryError:
        return Choice(1, _NO_ROOM)
    except Diverged:
        return Choice(1, "its loss is not finite within the first steps")


def compared(
    settings: TrainSettings, seeds: Sequence[int], content: str | None = None, device: str = "cpu"
) -> Choice:
    """The faster of the two ways, timed over a few steps each after a warm-up; on networks that are then thrown away.

    Raises:
        DataError, ModelError, SettingsError: what the settings name cannot be had or built.
        Diverged: a loss that is not finite within the steps that are timed.
    """
    where = ready(device)
    data = prepare(settings.data, content)
    starts = [set_up(settings, data, seed, where) for seed in seeds]
    alone = set_up(settings, data, seeds[0], where)
    stack = Stack([start.model for start in starts])
    of_stack, of_one = (
        build_optimiser(settings.optimiser, stack, stacked=1),
        build_optimiser(settings.optimiser, alone.model),
    )
    stacked_batches, batches = _endless(StackedBatches(starts)), _endless(alone.batches)

    def stacked(steps: int) -> None:
        stack.train()
        for images, targets in islice(stacked_batches, steps):
            step(stack, images, targets, of_stack, settings.label_smoothing)

    def separate(steps: int) -> None:
        alone.model.train()
        train_epoch(alone.model, islice(batches, steps), of_one, alone.methods, settings.label_smoothing)

    stacked_ms = _milliseconds(stacked, where)
    separate_ms = _milliseconds(separate, where) * len(seeds)
    faster = stacked_ms < separate_ms
    why = "one program is faster" if faster else "one after the other is faster"
    return Choice(len(seeds) if faster else 1, why, stacked_ms, separate_ms)


def _milliseconds(run: Callable[[int], None], device: torch.device) -> float:
    """Time of one step."""
    run(WARM_UP)
    finish(device)
    started = time.perf_counter()
    run(STEPS)
    finish(device)
    return 1000 * (time.perf_counter() - started) / STEPS


def _endless(batches: Iterable[Batch]) -> Iterator[Batch]:
    while True:
        yield from batches
