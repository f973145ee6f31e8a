"""What a timed training step passes through: the network alone, or the networks of NetAug, and what each step computes.

A step of NetAug costs as much as the larger network that it draws. Times of such steps are spread as widely as the
networks' sizes, and their median would be that of a network in the middle of the draw, where a training pays for the
mean. So each time is first scaled from the multiply-accumulates of its own step to the mean of all timed steps; the
median over the rounds is then that of the time for each multiply-accumulate, and one slow round does not move it.
Widths vary in every second step, as in half of a training.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

import torch
from torch import nn

from edgebench.claim.settings import NetAugSettings
from edgebench.measure.inference import inference_costs
from edgebench.methods.netaug import Sample, augment
from edgebench.run.trial import seed_value


class Passes:
    """The one pass of a plain step.

    Args:
        model: that trains.

    Attributes:
        model: that the passes call.
        inference: the network that is run after such a training.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.inference = model

    def step(self) -> Iterator[float]:
        """The networks of a step, each active in `model` in turn: yields the weight of its loss."""
        yield 1.0

    def macs(self, shape: tuple[int, ...], steps: int) -> list[float] | None:
        """Multiply-accumulates in the forward passes of each of the last `steps`, of which all but NetAug's are equal.

        Args:
            shape: of a batch, (N, C, H, W).
            steps: how many.

        Returns:
            None where a layer with weights has no counting rule.
        """
        found = _macs(self.model, shape)
        return None if found is None else [found] * steps


class NetAugPasses(Passes):
    """The base's pass and, with an α above 0, that of a larger network drawn in every step.

    Args:
        model: the base, on the device that it runs on.
        settings: factors, α.
        seed: index of the repetition.

    Raises:
        ModelError: a layer that NetAug does not cover.
    """

    def __init__(self, model: nn.Module, settings: NetAugSettings, seed: int) -> None:
        initial, self._drawn = (
            torch.Generator().manual_seed(seed_value(seed, purpose)) for purpose in ("netaug-init", "netaug")
        )
        self._net = augment(model, settings.width, settings.expand, initial)
        super().__init__(self._net)
        self.inference = self._net.export()
        self._alpha = settings.alpha
        self._samples: list[Sample] = []

    def step(self) -> Iterator[float]:
        self._net.widths_vary = len(self._samples) % 2 == 0
        before = self._drawn.get_state()
        yield from self._net.passes(self._alpha, self._drawn)
        again = torch.Generator()
        again.set_state(before)
        self._samples.append(self._net.dials.draw(again, widths=self._net.widths_vary))

    def macs(self, shape: tuple[int, ...], steps: int) -> list[float] | None:
        base = _macs(self.inference, shape)
        if base is None or not self._alpha:
            return None if base is None else [base] * steps
        sampled = [_macs(self._net.extract(sample), shape) for sample in self._samples[-steps:]]
        return [base + each for each in sampled if each is not None]


def scaled(times: list[float], macs: list[float]) -> list[float]:
    """Times of steps as they would be if each had computed as much as the mean of all."""
    mean = fmean(macs)
    return [time if own == mean else time * mean / own for time, own in zip(times, macs, strict=True)]


def _macs(model: nn.Module, shape: tuple[int, ...]) -> float | None:
    found = inference_costs(model, shape[1:]).get("macs")
    return None if found is None else found * shape[0]
