"""The most important inner channels first, so that the base gets them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgebench.methods.netaug.dials import Channels, Dials
from edgebench.methods.netaug.layers import Elastic, ElasticBatchNorm2d, ElasticConv2d, ElasticLinear


@torch.no_grad()
def sort_channels(network: nn.Module, dials: Dials) -> None:
    """Order every block's inner channels by importance, descending; equal ones keep their order.

    A channel's importance is the L1 norm of the weights that read it: of the projection in an inverted residual block
    (of the next convolution in a residual block), of the restoring layer for the bottleneck of squeeze and excitation.
    All tensors that share the dimension move together, running statistics included; the largest network computes the
    same as before. Channels between blocks are not sorted, and an optimiser's momentum does not move: both as in the
    code of NetAug's authors.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, Elastic)]
    for channels in dials.channels:
        if channels.ranked_by is not None:
            weight = network.get_submodule(channels.ranked_by).weight
            assert isinstance(weight, Tensor)
            order = importance(weight).argsort(descending=True, stable=True)
            for layer in layers:
                _permute(layer, channels, order)


def importance(weight: Tensor) -> Tensor:
    """L1 norm [I] of a convolution's or linear layer's weights [O, I, …] by input channel."""
    return weight.abs().sum(dim=[d for d in range(weight.dim()) if d != 1])


def _permute(layer: Elastic, channels: Channels, order: Tensor) -> None:
    if layer.outputs is channels:
        tensors = [layer.weight, layer.bias]
        if isinstance(layer, ElasticBatchNorm2d):
            tensors += [layer.running_mean, layer.running_var]
        for tensor in tensors:
            if tensor is not None:
                tensor.copy_(tensor[order])
    dense = isinstance(layer, ElasticLinear) or (isinstance(layer, ElasticConv2d) and not layer.depthwise)
    if dense and layer.inputs is channels:
        layer.weight.copy_(layer.weight[:, order])
