"""Sub-networks of two small networks built without NetAug's code: plain layers, with slices copied into them."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from edgebench.methods.netaug import Augmented, Sample
from edgebench.models.irb import InvertedResidual, SqueezeExcitation, conv_norm
from edgebench.models.micro_resnet import MicroResNet
from edgebench.models.micronet import MicroNet


def micronet(sample: Sample, *, classes: int = 10) -> MicroNet:
    """Widths are those of stem, second, fourth block and mix; the first block adds its input, hence has its width."""
    stem, second, fourth, mix = (
        int(base * f + 0.5) for base, f in zip((16, 24, 32, 96), sample.widths, strict=True)
    )
    net = MicroNet(classes, se=True)
    net.stem = conv_norm(1, stem, 3, activation="relu6")
    outs = (stem, second, second, fourth, fourth)
    strides, c_in, blocks = (1, 2, 1, 2, 1), stem, []
    for index, (c_out, stride) in enumerate(zip(outs, strides, strict=True)):
        middle = c_in if index == 0 else int(c_in * 3 * sample.expansions[index - 1] + 0.5)
        # The base's bottleneck: a quarter of 16, 48, 72, 72, 96 inner channels, in steps of 8.
        base_middle, base_bottleneck = [(16, 8), (48, 16), (72, 24), (72, 24), (96, 24)][index]
        block = InvertedResidual(c_in, c_out, stride=stride, se=True)
        block.expand = None if index == 0 else conv_norm(c_in, middle, activation="relu6")
        block.depthwise = conv_norm(middle, middle, 3, stride=stride, groups=middle, activation="relu6")
        block.se = SqueezeExcitation(middle)
        bottleneck = int(middle * base_bottleneck / base_middle + 0.5)
        block.se.reduce, block.se.restore = (
            nn.Conv2d(middle, bottleneck, 1),
            nn.Conv2d(bottleneck, middle, 1),
        )
        block.project = conv_norm(middle, c_out)
        block.shortcut = index in (0, 2, 4)
        blocks.append(block)
        c_in = c_out
    net.blocks = nn.Sequential(*blocks)
    net.mix = conv_norm(c_in, mix, activation="relu6")
    net.classifier = nn.Linear(mix, classes)
    return net


def micro_resnet(sample: Sample) -> MicroResNet:
    """Widths are those of stem, second and third stage; the first block adds its input, hence has its width."""
    stem, second, third = (int(base * f + 0.5) for base, f in zip((16, 32, 48), sample.widths, strict=True))
    net = MicroResNet()
    net.conv1, net.bn1 = nn.Conv2d(1, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem)
    c_in, stages = stem, []
    for c_out, stride, factor in zip((stem, second, third), (1, 2, 2), sample.expansions, strict=True):
        inner = int(c_out * factor + 0.5)
        down = None
        if stride == 2:
            down = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        block = BasicBlock(c_in, c_out, stride, down)
        block.conv1 = nn.Conv2d(c_in, inner, 3, stride, 1, bias=False)
        block.bn1 = nn.BatchNorm2d(inner)
        block.conv2 = nn.Conv2d(inner, c_out, 3, 1, 1, bias=False)
        stages.append(nn.Sequential(block))
        c_in = c_out
    net.layer1, net.layer2, net.layer3 = stages
    net.fc = nn.Linear(c_in, 10)
    return net


def plain_copy(net: Augmented, sample: Sample) -> nn.Module:
    """A plain sub-network with the leading part of every tensor of `net`."""
    built = micronet(sample) if isinstance(net.network, MicroNet) else micro_resnet(sample)
    stored = net.network.state_dict()
    built.to(next(net.parameters()))
    for name, tensor in built.state_dict().items():
        tensor.copy_(stored[name][tuple(slice(size) for size in tensor.shape)])
    return built.train(net.training)


def padded_gradients(net: Augmented, parts: list[tuple[float, nn.Module]]) -> dict[str, torch.Tensor]:
    """The weighted sum of the plain networks' gradients, by the names of `net.network`'s parameters."""
    total = {name: torch.zeros_like(p) for name, p in net.network.named_parameters()}
    for weight, plain in parts:
        for name, parameter in plain.named_parameters():
            assert parameter.grad is not None
            total[name][tuple(slice(size) for size in parameter.shape)] += weight * parameter.grad
    return total
