from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgebench.errors import ModelError
from edgebench.methods.netaug import augment
from edgebench.methods.netaug.calibration import recalibrate
from edgebench.models.micronet import MicroNet


def _images(*counts: int) -> list[Tensor]:
    g = torch.Generator().manual_seed(0)
    return [torch.randn(count, 1, 8, 8, generator=g) * count + count for count in counts]


def test_statistics_equal_a_direct_computation() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    )
    net.train()
    batches = _images(3, 5)
    recalibrate(net, batches)
    for index in (1, 4):
        means, variances = [], []
        for images in batches:
            maps = net[0](images)
            if index == 4:
                mean, var = maps.mean((0, 2, 3)), maps.var((0, 2, 3), correction=0)
                norm = net[1]
                normal = (maps - mean[:, None, None]) / (var[:, None, None] + norm.eps).sqrt()
                maps = net[3](normal * norm.weight[:, None, None] + norm.bias[:, None, None])
            means.append(maps.mean((0, 2, 3)))
            variances.append(maps.var((0, 2, 3), correction=0))
        norm = net[index]
        torch.testing.assert_close(norm.running_mean, (3 * means[0] + 5 * means[1]) / 8)
        torch.testing.assert_close(norm.running_var, (3 * variances[0] + 5 * variances[1]) / 8)
        assert norm.num_batches_tracked == 0
    assert all(module.training for module in net.modules())
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_the_active_sub_network_gets_the_statistics_that_its_plain_form_gets() -> None:
    net = augment(MicroNet(10, se=True), (1.0, 1.5), (1.0, 2.0)).train()
    batches = _images(6, 4)
    for sample in (net.dials.base(), net.dials.largest()):
        net.activate(sample)
        plain = net.extract(sample)
        net.recalibrate(iter(batches))
        recalibrate(plain, batches)
        after = net.extract(sample)
        for name, tensor in plain.state_dict().items():
            assert torch.equal(after.state_dict()[name], tensor)
    assert net.training


def test_without_images_or_with_wrong_ones_nothing_changes() -> None:
    net = augment(MicroNet(10), (1.0, 1.5), (1.0, 2.0))
    net(torch.randn(4, 1, 8, 8))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(ModelError, match="no images to compute statistics from"):
        net.recalibrate([])
    with pytest.raises(RuntimeError):
        net.recalibrate([*_images(4), torch.zeros(1, 3, 8, 8)])
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net.training
    with pytest.raises(ModelError, match="BatchNorm2d keeps no statistics"):
        recalibrate(nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False)), _images(2))
