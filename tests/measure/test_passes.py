"""Steps of NetAug as they are timed: their passes, what they compute, and times of networks of random size."""

from __future__ import annotations

from statistics import fmean

import pytest
import torch
from torch import nn

from edgebench.claim.latency import LatencyGroup
from edgebench.claim.settings import LatencySettings, NetAugSettings
from edgebench.errors import ModelError
from edgebench.measure import latency
from edgebench.measure.inference import inference_costs
from edgebench.measure.latency import run_latency
from edgebench.measure.passes import NetAugPasses, Passes, scaled
from edgebench.methods.netaug import Augmented
from edgebench.models.irb import ConvBlock
from edgebench.models.micronet import MicroNet

SHAPE = (4, 1, 8, 8)
BASE = {"model": "micronet", "input": list(SHAPE), "classes": 10, "rounds": 6}


def _netaug(alpha: float = 1.0) -> tuple[MicroNet, NetAugPasses]:
    torch.manual_seed(0)
    model = MicroNet(10)
    return model, NetAugPasses(model, NetAugSettings(alpha=alpha), 0)


def _macs(model: nn.Module) -> float:
    return 4 * inference_costs(model, SHAPE[1:])["macs"]


def test_a_plain_step_is_one_pass() -> None:
    model = MicroNet(10)
    passes = Passes(model)
    assert list(passes.step()) == [1.0]
    assert passes.inference is model
    assert passes.macs(SHAPE, 3) == [_macs(model)] * 3


def test_a_step_of_netaug_is_two_passes_and_its_cost_is_that_of_both() -> None:
    """Sizes are those of the network that runs, seen by what its layers put out."""
    model, passes = _netaug(alpha=0.5)
    base, seen = _macs(model), []
    net = passes.model
    assert isinstance(net, Augmented)
    for _ in range(6):
        computed = []
        for weight in passes.step():
            channels = tuple(each.active for each in net.dials.channels)
            computed.append((weight, channels))
        assert [weight for weight, _ in computed] == [1.0, 0.5]
        assert computed[0][1] == tuple(each.base for each in net.dials.channels)
        seen.append(computed[1][1])
    found = passes.macs(SHAPE, 5)
    assert found is not None
    assert len(found) == 5
    for macs, channels in zip(found, seen[1:], strict=True):
        for each, active in zip(net.dials.channels, channels, strict=True):
            each.active = active
        counted: list[float] = []

        def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
            weight = layer._active()[0]  # type: ignore[operator]
            counted.append(out[0].numel() * weight[0].numel() * SHAPE[0])  # noqa: B023

        handles = [m.register_forward_hook(count) for m in net.modules() if hasattr(m, "_active")]
        net.network(torch.randn(SHAPE))
        for handle in handles:
            handle.remove()
        assert macs == base + sum(counted)
    assert min(found) > base


def test_widths_vary_in_every_second_step() -> None:
    _, passes = _netaug()
    net = passes.model
    assert isinstance(net, Augmented)
    varied = []
    for _ in range(8):
        for _ in passes.step():
            widths = [dial.channels.active != dial.channels.base for dial in net.dials.widths]
        varied.append(any(widths))
    assert varied == [True, False] * 4


def test_without_alpha_there_is_the_base_alone() -> None:
    model, passes = _netaug(alpha=0.0)
    assert list(passes.step()) == [1.0]
    assert passes.macs(SHAPE, 1) == [_macs(model)]


def test_inference_is_of_the_exported_network() -> None:
    model, passes = _netaug()
    assert type(passes.inference) is MicroNet
    layouts = [(name, t.shape, t.stride()) for name, t in model.state_dict().items()]
    assert [(name, t.shape, t.stride()) for name, t in passes.inference.state_dict().items()] == layouts
    x = torch.randn(SHAPE)
    assert torch.equal(passes.inference.eval()(x), model.eval()(x))


def test_what_netaug_does_not_cover_is_refused() -> None:
    with pytest.raises(ModelError, match="NetAug does not cover ConvBlock"):
        NetAugPasses(nn.Sequential(ConvBlock(8), nn.Flatten(), nn.Linear(8, 2)), NetAugSettings(), 0)


def test_scaled_times_are_those_of_a_step_of_mean_cost() -> None:
    """The median of networks' times is not their mean: of costs 1, 1 and 7 it would be 1, and the mean is 3."""
    assert scaled([2.0, 2.0, 14.0], [1.0, 1.0, 7.0]) == [6.0, 6.0, 6.0]
    times = [0.1, 0.7, 0.3]
    assert scaled(times, [5.0] * 3) == times


def test_a_timed_step_of_netaug_costs_the_mean_of_its_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that goes on by what is computed, and takes an hour in one round."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    original = NetAugPasses.step

    def step(self: Passes) -> object:
        assert isinstance(self, NetAugPasses)
        now[0] += 3600.0 * (len(self._samples) == 4)
        return original(self)

    monkeypatch.setattr(NetAugPasses, "step", step)
    forward = latency._run

    def run(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        macs = 1_000_000.0
        if isinstance(model, Augmented):
            sample = [each.active / each.base for each in model.dials.channels]
            macs *= fmean(sample)
        now[0] += macs / 1e9
        return forward(model, x)

    monkeypatch.setattr(latency, "_run", run)
    arms = {
        "plain": LatencySettings.model_validate(BASE),
        "netaug": LatencySettings.model_validate({**BASE, "netaug": {}}),
    }
    found = run_latency(LatencyGroup(arms=arms), 0).metrics
    assert found["plain/step_ms"] == pytest.approx(1.0)
    assert found["netaug/step_macs"] > 2 * found["plain/step_macs"]
    assert found["netaug/forward_ms"] > 2.0
    assert found["netaug/step_ms"] < 100, "one slow round does not move the median"
    assert found["plain/infer_ms"] == found["netaug/infer_ms"]
