"""Dual-path training (Isong 2025): two submodels trained side by side, then merged into one network.

The submodels' dense layers become convolutions with the same weights, so that the merged network's paths give exactly
what the submodels gave; the layers that join them are new.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgebench.errors import ModelError
from edgebench.methods.hooks import Method
from edgebench.models.dual_input import DualInput
from edgebench.models.dual_path import DualPath
from edgebench.models.paths import all_of


class OutputsOfPaths(Method):
    """Every path of a `DualInput` learns the labels: the loss is the sum of the outputs' losses.

    Args:
        paths: outputs of the network, [paths · B, classes] in training.
    """

    def __init__(self, paths: int) -> None:
        self._paths = paths

    def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return images, torch.cat([labels] * self._paths)

    def loss(self, logits: Tensor, loss: Tensor) -> Tensor:
        # The loss of all outputs at once is their mean.
        return loss * self._paths


def dense_to_conv(dense: nn.Linear, shape: tuple[int, int, int]) -> nn.Conv2d:
    """The convolution over a whole map that computes what a dense layer computes of the flattened map.

    Of a map of 1 × 1 × N, that the paper flattens first, it is the 1 × 1 convolution with the dense layer's weights.

    Args:
        dense: [B, C · h · w] to [B, F].
        shape: (C, h, w) of the map, which is flattened in this order.

    Returns:
        [B, C, h, w] to [B, F, 1, 1], with copies of weight and bias.

    Raises:
        ModelError: the layer does not read maps of this shape.
    """
    depth, height, width = shape
    if depth * height * width != dense.in_features:
        raise ModelError(
            f"a dense layer of {dense.in_features} inputs over a map of {depth} × {height} × {width}",
            expected=f"{depth * height * width} inputs",
        )
    conv = nn.Conv2d(depth, dense.out_features, (height, width), bias=dense.bias is not None)
    conv = conv.to(dense.weight.device, dense.weight.dtype)
    with torch.no_grad():
        conv.weight.copy_(dense.weight.view(conv.weight.shape))
        if conv.bias is not None:
            conv.bias.copy_(dense.bias)
    return conv


def merge(submodels: DualInput, network: DualPath) -> None:
    """Fill the paths of a freshly built network with trained submodels, in place; its other layers stay as they are.

    Raises:
        ModelError: they are not as many, or not of the same shapes.
    """
    sources, targets = all_of(submodels.paths), all_of(network.paths)
    if len(sources) != len(targets) or submodels.shape != network.shape:
        raise ModelError(
            f"{len(sources)} submodels with maps of {submodels.shape} for {len(targets)} paths with {network.shape}",
            expected="the submodels of the same paths",
        )
    for source, target in zip(sources, targets, strict=True):
        assert isinstance(source.last, nn.Linear)
        for name, layer in (("first", source.first), ("second", source.second)):
            target.get_submodule(name).load_state_dict(layer.state_dict())
        target.last.load_state_dict(dense_to_conv(source.last, submodels.shape).state_dict())
