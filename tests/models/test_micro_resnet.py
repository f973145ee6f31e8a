from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from edgebench.models.micro_resnet import MicroResNet


def test_has_torchvisions_blocks_and_names() -> None:
    net = MicroResNet()
    assert sum(isinstance(m, BasicBlock) for m in net.modules()) == 3
    assert [name for name, _ in net.named_children()][:5] == ["conv1", "bn1", "relu", "layer1", "layer2"]
    assert net(torch.randn(2, 1, 8, 8)).shape == (2, 10)


def test_dropout_acts_in_training_only() -> None:
    net = MicroResNet(in_channels=3, classes=4, dropout=0.5).eval()
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(net(x), net(x))
    net.dropout.train()
    assert not torch.equal(net(x), net(x))


def test_learns_the_digits() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(digits.target)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        order = torch.randperm(len(labels))
        train, val = order[:1000], order[1000:]
        net = MicroResNet()
        optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        for _ in range(4):
            for batch in train[torch.randperm(1000)].split(64):
                optimiser.zero_grad()
                torch.autograd.backward(nn.functional.cross_entropy(net(images[batch]), labels[batch]))
                optimiser.step()
        net.eval()
        with torch.no_grad():
            assert (net(images[val]).argmax(1) == labels[val]).float().mean() > 0.93
    finally:
        torch.set_num_threads(threads)
