"""Time of a MobileTL training step against the same blocks with stock layers, and against training everything.

`pytest benchmarks/test_mobiletl_step.py`. One thread; the arms take turns step by step, and a ratio is the median over
rounds of the ratio within a round. Processor time is taken, which is the time that passes on a quiet machine and
counts little of what others do on a busy one.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from edgebench.claim.settings import MethodSettings
from edgebench.methods import strategy
from edgebench.methods.mobiletl import convert
from edgebench.models.irb import InvertedResidual

ROUNDS = 40
WARM_UP = 5
MOST = 1.05  # times the stock step
LEAST = 1.82  # times faster than training everything: the paper's, on a Raspberry Pi


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(model: nn.Module, x: Tensor) -> nn.Module:
    """`model` with the statistics that its maps have: with others, arithmetic on vanishing numbers may be slow."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return model


def stepper(model: nn.Module, x: Tensor) -> Callable[[], float]:
    """A function that takes one step of training in channels-last layout, and says how long it took (s)."""
    model = model.to(memory_format=torch.channels_last).train()
    x = x.contiguous(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def step() -> float:
        optimiser.zero_grad()
        start = time.process_time()
        model(x).square().mean().backward()
        optimiser.step()
        return time.process_time() - start

    return step


def compare(benchmark: Any, one: Callable[[], float], other: Callable[[], float]) -> list[float]:
    """Quartiles over the rounds of the first's time divided by the second's."""
    pairs: list[tuple[float, float]] = []

    def measure() -> None:
        # Who goes first changes every round: the second finds another state of the caches.
        pairs.append((one(), other()) if len(pairs) % 2 else (other(), one())[::-1])

    benchmark.pedantic(measure, rounds=ROUNDS + WARM_UP)
    pairs = pairs[WARM_UP:]
    quartiles = statistics.quantiles([first / second for first, second in pairs], n=4)
    benchmark.extra_info |= {
        "ms": [round(statistics.median(times) * 1e3, 2) for times in zip(*pairs, strict=True)],
        "ratio's quartiles": [round(value, 3) for value in quartiles],
    }
    print(f"\n{benchmark.name}: {benchmark.extra_info}")
    return quartiles


def v3_top() -> nn.Module:
    """MobileNetV3-Small's last three blocks: 48 to 96 channels, expanded to 288 and 576."""
    return nn.Sequential(*torchvision.models.mobilenet_v3_small(weights=None).features[9:12])


def v2_middle() -> nn.Module:
    return nn.Sequential(*(InvertedResidual(96, 96) for _ in range(3)))


def v2_narrow_top() -> nn.Module:
    """The last three blocks of MobileNetV2 at width 0.35."""
    return nn.Sequential(InvertedResidual(56, 56), InvertedResidual(56, 56), InvertedResidual(56, 112))


@pytest.mark.parametrize(
    ("build", "shape"),
    [(v3_top, (8, 48, 14, 14)), (v2_middle, (8, 96, 14, 14)), (v2_narrow_top, (32, 56, 4, 4))],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_blocks_against_stock_layers(
    benchmark: Any, build: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    x = torch.randn(shape)
    stock = trained(build(), x)
    ratio = compare(benchmark, stepper(convert(copy.deepcopy(stock)), x), stepper(stock, x))
    assert ratio[1] <= MOST


def v3(method: MethodSettings) -> Callable[[], float]:
    x = torch.randn(8, 3, 224, 224)
    model = trained(torchvision.models.mobilenet_v3_small(weights=None, num_classes=10), x)
    return stepper(strategy.apply(model, method), x)


def test_network_against_stock_layers(benchmark: Any) -> None:
    mobiletl = v3(MethodSettings(name="mobiletl", blocks=3))
    ratio = compare(benchmark, mobiletl, v3(MethodSettings(name="ft-blocks", blocks=3)))
    assert ratio[1] <= MOST


def test_network_against_training_everything(benchmark: Any) -> None:
    mobiletl = v3(MethodSettings(name="mobiletl", blocks=3))
    ratio = compare(benchmark, v3(MethodSettings(name="ft-all")), mobiletl)
    assert ratio[1] >= LEAST
