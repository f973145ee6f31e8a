"""Times of arms that are known to differ, or not to."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.latency import LatencyGroup
from edgebench.claim.metrics import METRICS
from edgebench.claim.settings import LatencySettings
from edgebench.errors import ModelError, SettingsError
from edgebench.measure import latency
from edgebench.measure.latency import run_latency
from edgebench.models import registry
from edgebench.run import local

Asked = tuple[str, bool]  # name of the network, whether it is in training mode
SMALL = {"model": "micronet", "input": [2, 1, 8, 8], "classes": 10, "rounds": 3}


def group(**arms: dict[str, Any]) -> LatencyGroup:
    return LatencyGroup(
        arms={name: LatencySettings.model_validate(SMALL | change) for name, change in arms.items()}
    )


class Clock:
    """A clock that goes on only where somebody says so, in seconds."""

    now = 0.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds


class Slow(nn.Module):
    """A linear classifier whose forward and backward pass take a given time, and which notes what is asked of it."""

    def __init__(self, name: str, forward: float, backward: float, clock: Clock, log: list[Asked]) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.name, self.forward_s, self.backward_s, self.clock, self.log = name, forward, backward, clock, log

    def forward(self, x: Tensor) -> Tensor:
        self.log.append((self.name, self.training))
        clean = self.linear.weight.grad is None
        assert clean or not self.training, "no gradient is left from the step before"
        self.clock.pass_(self.forward_s)
        out: Tensor = self.linear(x.flatten(1))
        if out.requires_grad:
            out.register_hook(lambda grad: self.clock.pass_(self.backward_s))
        return out


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.perf_counter", lambda: clock.now)
    return clock


@pytest.fixture
def log(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """What networks of the names `quick` (width 1) and `slow` (width 2) are asked for, which replace real ones."""
    seen: list[Asked] = []

    def build(settings: Any, **_: Any) -> nn.Module:
        if settings.width == 2:
            return Slow("slow", 0.02, 0.03, clock, seen)
        return Slow("quick", 0.01, 0.01, clock, seen)

    monkeypatch.setattr(registry, "build", build)
    return seen


QUICK_AND_SLOW = group(quick={}, slow={"model": {"name": "micronet", "width": 2}})


def test_times_are_those_of_forward_backward_and_inference(log: list[Asked]) -> None:
    metrics = run_latency(QUICK_AND_SLOW, 0).metrics
    names = METRICS["latency"].keys() - {"batch_ms"}
    assert set(metrics) == {f"{arm}/{name}" for arm in ("quick", "slow") for name in names}
    for arm, forward, backward in (("quick", 10, 10), ("slow", 20, 30)):
        assert metrics[f"{arm}/forward_ms"] == pytest.approx(forward)
        assert metrics[f"{arm}/backward_ms"] == pytest.approx(backward)
        assert metrics[f"{arm}/step_ms"] == pytest.approx(forward + backward)
        assert metrics[f"{arm}/infer_ms"] == pytest.approx(forward)
        assert metrics[f"{arm}/step_macs"] == 2 * 64 * 10


def test_every_round_times_each_arm_once_in_a_drawn_order(log: list[Asked]) -> None:
    run_latency(QUICK_AND_SLOW, 0)
    asked = log[:-2]  # before each network's multiply-accumulates are counted
    assert [training for _, training in asked] == [True, False] * (len(asked) // 2), (
        "a step, then an inference"
    )
    steps = [name for name, training in asked if training]
    assert len(steps) == 2 * (3 + 2), "three rounds, and two of warm-up"
    rounds = [tuple(steps[index : index + 2]) for index in range(0, len(steps), 2)]
    assert all(sorted(each) == ["quick", "slow"] for each in rounds)
    log.clear()
    run_latency(QUICK_AND_SLOW, 0)
    assert steps == [name for name, training in log if training], "the same order at the same repetition"
    orders = set()
    for seed in range(4):
        log.clear()
        run_latency(QUICK_AND_SLOW, seed)
        orders.add(tuple(name for name, training in log if training))
    assert len(orders) > 1


def test_the_median_is_not_moved_by_one_slow_round(log: list[Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = latency._ms, [0]

    def hiccup(since: Any, until: Any) -> float:
        calls[0] += 1
        return original(since, until) + (1e4 if calls[0] > 5 * 2 * 4 else 0.0)  # the last of five rounds

    monkeypatch.setattr(latency, "_ms", hiccup)
    metrics = run_latency(QUICK_AND_SLOW, 0).metrics
    assert max(value for name, value in metrics.items() if name.endswith("_ms")) < 100


def test_a_wider_network_takes_longer() -> None:
    wide = {"model": {"name": "micronet", "width": 8}, "input": [16, 1, 16, 16]}
    metrics = run_latency(group(narrow={"input": [16, 1, 16, 16]}, wide=wide), 0).metrics
    for name in ("step_ms", "infer_ms"):
        assert metrics[f"wide/{name}"] > 1.5 * metrics[f"narrow/{name}"]


def test_a_block_is_timed_with_the_gradient_of_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    original = latency._Arm.once

    def once(self: Any, device: torch.device) -> Any:
        times = original(self, device)
        seen.append(self.x.grad)
        return times

    monkeypatch.setattr(latency._Arm, "once", once)
    block = {"model": {"name": "mbv3-block", "kernel": 5, "expansion": 6}, "input": [2, 16, 7, 7]}
    metrics = run_latency(group(block=block), 0).metrics
    assert metrics["block/backward_ms"] > 0
    assert all(grad is not None and grad.abs().sum() > 0 for grad in seen)


def test_threads_are_as_declared_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "available_cores", lambda: 4)
    seen: list[int] = []
    original = latency._Arm.once

    def once(self: Any, device: torch.device) -> Any:
        times = original(self, device)
        seen.append(torch.get_num_threads())
        return times

    monkeypatch.setattr(latency._Arm, "once", once)
    torch.set_num_threads(1)
    found = run_latency(group(one={}, two={"threads": 2}), 0)
    assert set(seen) == {1, 2}
    assert (found.metrics["one/threads"], found.metrics["two/threads"]) == (1.0, 2.0)
    assert found.how["threads"] == "1, 2"
    assert torch.get_num_threads() == 1
    assert gc.isenabled()


def test_more_threads_than_cores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "available_cores", lambda: 2)
    with pytest.raises(SettingsError, match="3 threads where this process may use 2 cores"):
        run_latency(group(a={"threads": 3}), 0)


THREADS = """
import os, torch
def threads(n):
    torch.set_num_threads(n)
    torch.nn.functional.conv2d(torch.randn(8, 64, 32, 32), torch.randn(64, 64, 3, 3))
    return len(os.listdir("/proc/self/task"))
print(-threads(1) + threads(3))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by /proc")
def test_threads_beyond_the_workers_environment_really_run() -> None:
    environment = {**os.environ, **local._WORKER_ENVIRONMENT}
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "2", "OMP_NUM_THREADS=1 is a default, not a limit"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"input": [2, 8]}, SettingsError, "input has 2 dimensions"),
        (
            {"model": "torchvision:resnet18", "input": [1, 3, 32, 32]},
            ModelError,
            "sees one value per channel",
        ),
        (
            {"model": "torchvision:resnet18", "method": {"name": "mobiletl", "blocks": 99}},
            ModelError,
            "block",
        ),
    ],
)
def test_what_cannot_be_timed_is_said(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run_latency(group(a=change), 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_is_timed_by_its_own_clock() -> None:
    wide = {"model": {"name": "micronet", "width": 16}, "input": [256, 1, 32, 32]}
    metrics = run_latency(group(narrow={"input": [256, 1, 32, 32]}, wide=wide), 0, "cuda").metrics
    for arm in ("narrow", "wide"):
        parts = metrics[f"{arm}/forward_ms"] + metrics[f"{arm}/backward_ms"]
        assert metrics[f"{arm}/step_ms"] == pytest.approx(parts, rel=0.2)
    assert metrics["wide/step_ms"] > metrics["narrow/step_ms"]
