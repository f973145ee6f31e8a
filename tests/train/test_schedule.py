"""Learning rates against their formulas, epoch by epoch."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.settings import ScheduleSettings
from edgebench.errors import SettingsError
from edgebench.train.schedule import build_schedule


def rates(epochs: int, **settings: Any) -> list[float]:
    """The rate of every epoch of a training that starts from 1."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = build_schedule(ScheduleSettings(**settings), optimiser, epochs)
    used = []
    for _ in range(epochs):
        used.append(float(optimiser.param_groups[0]["lr"]))
        optimiser.step()
        schedule.step()
    return used


@given(st.integers(1, 60))
def test_constant(epochs: int) -> None:
    assert rates(epochs) == [1.0] * epochs


@given(st.integers(1, 60), st.data())
def test_cosine_after_a_linear_rise(epochs: int, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, epochs - 1))
    rise = [(epoch + 1) / (warmup + 1) for epoch in range(warmup)]
    rest = epochs - warmup
    fall = [0.5 * (1 + math.cos(math.pi * epoch / rest)) for epoch in range(rest)]
    assert rates(epochs, name="cosine", warmup=warmup) == pytest.approx(rise + fall, abs=1e-9)


@given(st.integers(2, 60), st.integers(1, 20), st.floats(0.05, 0.95), st.data())
def test_steps_after_a_linear_rise(epochs: int, every: int, factor: float, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, epochs - 1))
    expected = [(epoch + 1) / (warmup + 1) for epoch in range(warmup)]
    expected += [factor ** (epoch // every) for epoch in range(epochs - warmup)]
    assert rates(epochs, name="step", every=every, factor=factor, warmup=warmup) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "step"}, "needs 'every' and 'factor'"),
        ({"name": "step", "every": 2}, "needs 'every' and 'factor'"),
        ({"name": "cosine", "every": 2}, "schedule 'cosine' has no 'every' or 'factor'"),
        ({"factor": 0.5}, "schedule 'constant' has no 'every' or 'factor'"),
        ({"warmup": 5}, "a warm-up of 5 epochs in a training of 5"),
    ],
)
def test_impossible_schedules(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        rates(5, **settings)
