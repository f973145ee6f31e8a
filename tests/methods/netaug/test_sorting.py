from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.methods.netaug import Sample, augment
from edgebench.methods.netaug.sorting import importance
from edgebench.models.micro_resnet import MicroResNet
from edgebench.models.micronet import MicroNet


def _unlike(net: nn.Module) -> None:
    """Give every tensor values of its own, so that a tensor left out of a permutation shows."""
    g = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for tensor in [*net.parameters(), *net.buffers()]:
            if tensor.is_floating_point():
                vector = tensor.dim() == 1  # scales and variances are positive
                tensor.copy_(torch.rand(tensor.shape, generator=g) + (0.5 if vector else -0.5))


@pytest.mark.parametrize("model", [MicroNet(10, se=True), MicroResNet()], ids=["micronet", "micro-resnet"])
def test_sorting_orders_by_importance_and_keeps_what_full_blocks_compute(model: nn.Module) -> None:
    net = augment(model, (1.0, 1.5), (1.0, 2.0)).double()
    _unlike(net.network)
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    net.eval()
    largest = net.dials.largest()
    # The last width is no block's input: with it small, inner channels are still all in use.
    sub = Sample((*largest.widths[:-1], 1.0), largest.expansions) if isinstance(model, MicroNet) else largest
    before = {}
    for sample in (largest, sub):
        net.activate(sample)
        before[sample] = net(x)
    net.activate_base()
    base = net(x)
    unsorted = {name: tensor.clone() for name, tensor in net.network.state_dict().items()}
    net.sort_channels()
    for channels in net.dials.channels:
        if channels.ranked_by is not None:
            ranks = importance(net.network.get_submodule(channels.ranked_by).weight)
            assert torch.all(ranks[:-1] >= ranks[1:])
    for sample, output in before.items():
        net.activate(sample)
        torch.testing.assert_close(net(x), output)
    net.activate_base()
    net.mixed.fill_(False)
    assert not torch.allclose(net(x), base)
    # Channels between blocks keep their order.
    for channels in net.dials.channels:
        if channels.name and channels.ranked_by is None:
            name = f"{channels.name}.weight"
            assert torch.equal(
                net.network.state_dict()[name].flatten(1).sum(1).argsort(),
                unsorted[name].flatten(1).sum(1).argsort(),
            )
    again = {name: tensor.clone() for name, tensor in net.network.state_dict().items()}
    net.sort_channels()
    assert all(torch.equal(tensor, again[name]) for name, tensor in net.network.state_dict().items())


def test_importance_is_the_l1_norm_by_input_channel() -> None:
    weight = torch.tensor([[[[1.0]], [[-2.0]]], [[[-3.0]], [[0.5]]]])
    assert importance(weight).tolist() == [4.0, 2.5]
    assert importance(weight[:, :, 0, 0]).tolist() == [4.0, 2.5]
