"""Layers that store the largest weights and compute with the leading channels of each dimension.

A sub-network's weights are views of the stored ones (a linear layer's are copied for the step), so its gradients
arrive in the leading part of the stored weights' gradients. The layers are torch's own with another forward pass: names
in the state dict, optimisers' groups and `isinstance` checks see an ordinary, larger layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebench.methods.netaug.dials import Channels


class ElasticConv2d(nn.Conv2d):
    """A convolution, ordinary or depthwise; (N, inputs.active, H, W) to (N, outputs.active, H', W').

    Args:
        conv: whose weights are the leading part of the stored ones.
        inputs: input dimension.
        outputs: output dimension; the same object as `inputs` makes it depthwise.
        generator: the other weights are drawn from it (see `grown`).
    """

    def __init__(
        self, conv: nn.Conv2d, inputs: Channels, outputs: Channels, generator: torch.Generator | None
    ) -> None:
        super().__init__(
            inputs.largest,
            outputs.largest,
            conv.kernel_size,  # type: ignore[arg-type]
            conv.stride,  # type: ignore[arg-type]
            conv.padding,  # type: ignore[arg-type]
            conv.dilation,  # type: ignore[arg-type]
            groups=outputs.largest if conv.groups > 1 else 1,
            bias=conv.bias is not None,
            device="meta",
        )
        self.inputs, self.outputs = inputs, outputs
        self.weight = _parameter(conv.weight, grown(conv.weight, self.weight.shape, generator))
        if conv.bias is not None:
            self.bias = _parameter(conv.bias, extended(conv.bias, outputs.largest, 0.0))
        self.train(conv.training)

    @property
    def depthwise(self) -> bool:
        return self.groups > 1

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, groups = self._active()
        return functional.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, groups)

    def plain(self) -> nn.Conv2d:
        """The active part as an ordinary layer with weights of its own."""
        weight, bias, groups = self._active()
        conv = nn.Conv2d(
            self.inputs.active,
            self.outputs.active,
            self.kernel_size,  # type: ignore[arg-type]
            self.stride,  # type: ignore[arg-type]
            self.padding,  # type: ignore[arg-type]
            self.dilation,  # type: ignore[arg-type]
            groups=groups,
            bias=bias is not None,
            device="meta",
        )
        conv.weight = _parameter(self.weight, _copied(weight))
        if bias is not None and self.bias is not None:
            conv.bias = _parameter(self.bias, _copied(bias))
        return conv.train(self.training)

    def _active(self) -> tuple[Tensor, Tensor | None, int]:
        inputs, outputs = self.inputs.active, self.outputs.active
        bias = None if self.bias is None else self.bias[:outputs]
        if self.depthwise:
            return self.weight[:outputs], bias, outputs
        return self.weight[:outputs, :inputs], bias, 1


class ElasticLinear(nn.Linear):
    """A linear layer; (N, inputs.active) to (N, outputs.active). Arguments as `ElasticConv2d`'s."""

    def __init__(
        self, linear: nn.Linear, inputs: Channels, outputs: Channels, generator: torch.Generator | None
    ) -> None:
        super().__init__(inputs.largest, outputs.largest, bias=linear.bias is not None, device="meta")
        self.inputs, self.outputs = inputs, outputs
        self.weight = _parameter(linear.weight, grown(linear.weight, self.weight.shape, generator))
        if linear.bias is not None:
            self.bias = _parameter(linear.bias, extended(linear.bias, outputs.largest, 0.0))
        self.train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, *self._active())

    def plain(self) -> nn.Linear:
        """The active part as an ordinary layer with weights of its own."""
        weight, bias = self._active()
        linear = nn.Linear(self.inputs.active, self.outputs.active, bias=bias is not None, device="meta")
        linear.weight = _parameter(self.weight, _copied(weight))
        if bias is not None:
            linear.bias = _parameter(self.bias, _copied(bias))
        return linear.train(self.training)

    def _active(self) -> tuple[Tensor, Tensor | None]:
        bias = None if self.bias is None else self.bias[: self.outputs.active]
        # The one copy: of a strided weight, torch sums the gradient in another order than of an ordinary layer's.
        return self.weight[: self.outputs.active, : self.inputs.active].contiguous(), bias


class ElasticBatchNorm2d(nn.BatchNorm2d):
    """A batch normalisation whose scale, shift and running statistics are shared by all sub-networks.

    Its running statistics are those of whichever sub-networks it saw in training: a mixture, of no use to any of them
    before `recalibrate`.

    Args:
        norm: whose scale, shift and statistics are the leading part of the stored ones; the others start as torch's.
        outputs: its dimension, (N, outputs.active, H, W) in and out.
    """

    def __init__(self, norm: nn.BatchNorm2d, outputs: Channels) -> None:
        super().__init__(outputs.largest, norm.eps, norm.momentum, device="meta")
        self.outputs = outputs
        size = outputs.largest
        self.weight = _parameter(norm.weight, extended(norm.weight, size, 1.0))
        self.bias = _parameter(norm.bias, extended(norm.bias, size, 0.0))
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        self.running_mean = extended(norm.running_mean, size, 0.0)
        self.running_var = extended(norm.running_var, size, 1.0)
        self.num_batches_tracked = norm.num_batches_tracked.clone()
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        rate = self.momentum
        if self.training:
            self.num_batches_tracked.add_(1)
        if rate is None:
            rate = 1.0 / float(self.num_batches_tracked) if self.training else 0.0
        n = self.outputs.active
        return functional.batch_norm(
            x,
            self.running_mean[:n],
            self.running_var[:n],
            self.weight[:n],
            self.bias[:n],
            self.training,
            rate,
            self.eps,
        )

    def plain(self) -> nn.BatchNorm2d:
        """The active part as an ordinary layer with parameters and statistics of its own."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        n = self.outputs.active
        norm = nn.BatchNorm2d(n, self.eps, self.momentum, device="meta")
        norm.weight = _parameter(self.weight, _copied(self.weight[:n]))
        norm.bias = _parameter(self.bias, _copied(self.bias[:n]))
        norm.running_mean = _copied(self.running_mean[:n])
        norm.running_var = _copied(self.running_var[:n])
        norm.num_batches_tracked = self.num_batches_tracked.clone()
        return norm.train(self.training)


Elastic = ElasticConv2d | ElasticLinear | ElasticBatchNorm2d


def elastic(
    layer: nn.Conv2d | nn.Linear | nn.BatchNorm2d,
    inputs: Channels,
    outputs: Channels,
    generator: torch.Generator | None,
) -> Elastic:
    """The elastic form of `layer`, whose own weights are the leading part of its weights."""
    if isinstance(layer, nn.Conv2d):
        return ElasticConv2d(layer, inputs, outputs, generator)
    if isinstance(layer, nn.Linear):
        return ElasticLinear(layer, inputs, outputs, generator)
    return ElasticBatchNorm2d(layer, outputs)


def grown(weight: Tensor, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
    """A weight of `shape` with `weight` as its leading part and the rest drawn from N(0, mean square of `weight`).

    So the whole looks as if it had been initialised at once, whatever the scheme was. (NetAug's authors initialise
    the largest network at once; a scheme of our own beside the given weights would make one part outweigh the other.)
    Drawn on the CPU in single precision, hence equal on every device.
    """
    deviation = float(weight.detach().float().square().mean().sqrt())
    drawn = torch.empty(shape).normal_(0.0, deviation, generator=generator).to(weight)
    # Strides say which order torch's convolutions take; `is_contiguous` says both of a depthwise or a 1×1 kernel.
    plain = torch.empty(weight.shape, device="meta")
    if weight.dim() == 4 and weight.stride() != plain.stride():
        drawn = torch.empty_like(drawn, memory_format=torch.channels_last).copy_(drawn)
    drawn[tuple(slice(size) for size in weight.shape)] = weight.detach()
    return drawn


def extended(values: Tensor, size: int, fill: float) -> Tensor:
    """A vector of `size` with `values` as its leading part and `fill` in the rest."""
    longer = values.detach().new_full((size,), fill)
    longer[: len(values)] = values.detach()
    return longer


def _parameter(like: Tensor, values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=like.requires_grad)


def _copied(values: Tensor) -> Tensor:
    return values.detach().clone(memory_format=torch.preserve_format)
