from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from edgebench.models.irb import InvertedResidual, SqueezeExcitation
from edgebench.models.micronet import MicroNet


def test_has_about_25_thousand_parameters_and_five_blocks() -> None:
    net = MicroNet(10)
    assert sum(p.numel() for p in net.parameters()) == 24_394
    assert sum(isinstance(m, InvertedResidual) for m in net.modules()) == 5


@pytest.mark.parametrize(("in_channels", "size", "width"), [(1, 8, 1.0), (3, 16, 0.25), (2, 4, 2.0)])
def test_shapes(in_channels: int, size: int, width: float) -> None:
    net = MicroNet(7, in_channels, width)
    assert net(torch.randn(5, in_channels, size, size)).shape == (5, 7)


def test_width_changes_the_size() -> None:
    sizes = [sum(p.numel() for p in MicroNet(10, width=w).parameters()) for w in (0.25, 0.5, 1.0, 2.0)]
    assert sizes == sorted(set(sizes))


def test_activation_and_squeeze_and_excitation_are_in_every_block() -> None:
    net = MicroNet(10, activation="hardswish", se=True)
    assert not any(isinstance(m, nn.ReLU6) for m in net.modules())
    blocks = [m for m in net.modules() if isinstance(m, InvertedResidual)]
    assert all(isinstance(block.se, SqueezeExcitation) for block in blocks)
    assert isinstance(net.mix.act, nn.Hardswish)
    assert net(torch.randn(3, 1, 8, 8)).shape == (3, 10)


def test_dropout_acts_in_training_only() -> None:
    net = MicroNet(10, dropout=0.5)
    x = torch.randn(8, 1, 8, 8)
    net.eval()
    assert torch.equal(net(x), net(x))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    net.train()
    assert not torch.equal(net(x), net(x))


def test_learns_the_digits() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(digits.target)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(labels), generator=generator)
    train, val = order[:1000], order[1000:]
    images = (images - images[train].mean()) / images[train].std()
    images = images.contiguous(memory_format=torch.channels_last)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        net = MicroNet(10).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 12)
        started = time.process_time()
        for _ in range(12):
            for batch in train[torch.randperm(1000, generator=generator)].split(64):
                optimiser.zero_grad()
                torch.autograd.backward(nn.functional.cross_entropy(net(images[batch]), labels[batch]))
                optimiser.step()
            schedule.step()
        seconds = time.process_time() - started
        net.eval()
        with torch.no_grad():
            top1 = 100 * (net(images[val]).argmax(1) == labels[val]).float().mean().item()
    finally:
        torch.set_num_threads(threads)
    assert top1 >= 95
    # About one second on an idle core; processor time, with room for slower machines.
    assert seconds < 8
