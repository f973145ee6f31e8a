from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.methods.netaug.dials import Channels
from edgebench.methods.netaug.layers import ElasticBatchNorm2d, ElasticConv2d, ElasticLinear, grown


def test_a_sub_network_computes_with_views_of_the_leading_weights() -> None:
    inputs, outputs = Channels("a", 3, 5), Channels("b", 4, 8)
    conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    elastic = ElasticConv2d(conv, inputs, outputs, None)
    x = torch.randn(2, 5, 7, 7)
    assert torch.equal(elastic(x[:, :3]), conv(x[:, :3]))
    inputs.active, outputs.active = 4, 6
    weight, bias, groups = elastic._active()
    assert (weight.shape, groups) == ((6, 4, 3, 3), 1)
    assert weight.data_ptr() == elastic.weight.data_ptr()
    assert bias is not None
    assert bias.data_ptr() == elastic.bias.data_ptr()
    elastic(x[:, :4]).sum().backward()
    assert elastic.weight.grad is not None
    assert torch.all(elastic.weight.grad[:6, :4] != 0)
    assert not elastic.weight.grad[6:].any()
    assert not elastic.weight.grad[:, 4:].any()


def test_depthwise_layers_are_sliced_on_channels_and_linear_ones_on_inputs() -> None:
    channels, classes = Channels("a", 4, 6), Channels("b", 3, 3)
    depthwise = ElasticConv2d(nn.Conv2d(4, 4, 3, groups=4, bias=False), channels, channels, None)
    linear = ElasticLinear(nn.Linear(4, 3), channels, classes, None)
    assert depthwise.weight.shape == (6, 1, 3, 3)
    assert linear.weight.shape == (3, 6)
    channels.active = 5
    x = torch.randn(2, 5, 4, 4)
    expected = torch.cat(
        [nn.functional.conv2d(x[:, i : i + 1], depthwise.weight[i : i + 1]) for i in range(5)], 1
    )
    torch.testing.assert_close(depthwise(x), expected)
    features = x.mean((2, 3))
    torch.testing.assert_close(linear(features), features @ linear.weight[:, :5].T + linear.bias)
    assert (depthwise.plain().groups, linear.plain().in_features) == (5, 5)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_normalisation_updates_the_leading_statistics_as_torch_does(momentum: float | None) -> None:
    channels = Channels("a", 3, 5)
    norm = nn.BatchNorm2d(3, eps=1e-3, momentum=momentum)
    elastic = ElasticBatchNorm2d(norm, channels)
    for _ in range(3):
        x = torch.randn(4, 3, 2, 2)
        assert torch.equal(elastic(x), norm(x))
    plain = elastic.plain()
    for name, tensor in norm.state_dict().items():
        assert torch.equal(plain.state_dict()[name], tensor)
    assert elastic.running_mean is not None
    assert not elastic.running_mean[3:].any()
    assert torch.equal(elastic.eval()(x), norm.eval()(x))


def test_new_weights_look_like_the_given_ones_and_leave_torchs_generator_alone() -> None:
    weight = torch.randn(40, 30, 3, 3) * 0.07
    state = torch.get_rng_state()
    g = torch.Generator().manual_seed(3)
    full = grown(weight, torch.Size((100, 90, 3, 3)), g)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(full[:40, :30], weight)
    assert abs(float(full[40:].std()) - 0.07) < 0.002
    assert torch.equal(full, grown(weight, full.shape, g.manual_seed(3)))


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (4, 1, 3, 3), (4, 3, 1, 1)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_order_in_memory_is_that_of_the_given_weights(
    shape: tuple[int, ...], memory_format: torch.memory_format
) -> None:
    conv = nn.Conv2d(shape[1], shape[0], shape[2]).to(memory_format=memory_format)
    full = grown(conv.weight, torch.Size((8, shape[1], *shape[2:])), None)
    assert full[:4].stride() == conv.weight.stride()


def test_what_did_not_train_does_not_train() -> None:
    linear = nn.Linear(2, 2).requires_grad_(False)
    elastic = ElasticLinear(linear, Channels("a", 2, 4), Channels("b", 2, 2), None)
    assert not elastic.weight.requires_grad
    assert not elastic.plain().bias.requires_grad
