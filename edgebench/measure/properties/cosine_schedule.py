"""The learning rates of training follow the cosine of the MobileNet ablation study, equation 1."""

from __future__ import annotations

import math
import random

import torch

from edgebench.claim.settings import ScheduleSettings
from edgebench.measure.properties.tally import Tally

# Recursive schedules accumulate rounding over the epochs; a wrong formula is wrong by far more.
_TOLERANCE = 1e-9


def check_cases(cases: int, seed: int) -> Tally:
    """Step `edgebench.train.schedule`'s cosine through whole trainings and compare every epoch's rate.

    Equation 1: LR = LRmin + ½ (LRmax - LRmin)(1 + cos(πt/T)) at epoch t of T, with LRmin = 0 as in the study.
    A case is one training: 1 to 300 epochs, LRmax from 1e-4 to 1. Errors are relative to LRmax.
    """
    from edgebench.train import schedule as schedules

    source = random.Random(seed)
    tally = Tally()
    for _ in range(cases):
        epochs = source.randint(1, 300)
        highest = 10 ** source.uniform(-4, 0)
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=highest)
        schedule = schedules.build_schedule(ScheduleSettings(name="cosine"), optimiser, epochs)
        error = 0.0
        for epoch in range(epochs):
            expected = 0.5 * highest * (1 + math.cos(math.pi * epoch / epochs))
            used = [float(group["lr"]) for group in optimiser.param_groups]
            error = max(error, *(abs(rate - expected) / highest for rate in used))
            optimiser.step()
            schedule.step()
        tally.case(holds=True, error=error, tolerance=_TOLERANCE)
    return tally
