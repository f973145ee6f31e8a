"""Freezing layers for good: no gradient, stored statistics whatever `train()` says, weights in 8 bits.

`requires_grad` alone does not freeze a network: in training mode its normalisations would go on using and
updating batch statistics, and its dropout would go on dropping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebench.errors import ModelError
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.matching import is_dropping
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d


class FrozenBatchNorm2d(ShiftOnlyBatchNorm2d):
    """A trained `nn.BatchNorm2d` of which nothing trains any more; gradients pass and keep no activation.

    Always normalises with the stored mean and variance. Has the state-dict keys of `nn.BatchNorm2d`.
    (N, C, H, W) in and out.
    """

    @classmethod
    def from_batch_norm(cls, norm: nn.BatchNorm2d) -> Self:
        made = super().from_batch_norm(norm)
        made.bias.requires_grad_(False)
        return made


class _WithActivation(nn.Module):
    """A normalisation that applies its child `act`, as timm's BatchNormAct2d does."""

    act: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(super().forward(x))
        return out


class ShiftOnlyBatchNormAct2d(_WithActivation, ShiftOnlyBatchNorm2d):
    """`ShiftOnlyBatchNorm2d`, then `act`: in the place of timm's BatchNormAct2d."""


class FrozenBatchNormAct2d(_WithActivation, FrozenBatchNorm2d):
    """`FrozenBatchNorm2d`, then `act`: in the place of timm's BatchNormAct2d."""


def stored_statistics(norm: nn.Module, *, shift: bool, where: str) -> ShiftOnlyBatchNorm2d:
    """`norm` as a layer that keeps its statistics: its shift trains, or nothing of it.

    The layer shares parameters and statistics with `norm`. One that already is what is asked for comes back.

    Raises:
        ModelError: no BatchNorm2d, one without stored statistics or scale, or one that computes more.
    """
    if isinstance(norm, ShiftOnlyActivation):
        return norm  # frozen with its shift alone
    check_statistics(norm, where)
    assert isinstance(norm, nn.BatchNorm2d)
    if isinstance(norm, ShiftOnlyBatchNorm2d) and isinstance(norm, FrozenBatchNorm2d) != shift:
        return norm
    if not _activated(norm) or isinstance(norm.get_submodule("act"), nn.Identity):
        return (ShiftOnlyBatchNorm2d if shift else FrozenBatchNorm2d).from_batch_norm(norm)
    made = (ShiftOnlyBatchNormAct2d if shift else FrozenBatchNormAct2d).from_batch_norm(norm)
    made.act = norm.get_submodule("act")
    return made


def check_statistics(norm: nn.Module, where: str) -> None:
    """Accept a normalisation for `stored_statistics`. Raises: as that."""
    if isinstance(norm, ShiftOnlyActivation):
        return
    plain = type(norm).forward in (nn.BatchNorm2d.forward, ShiftOnlyBatchNorm2d.forward)
    known = isinstance(norm, nn.BatchNorm2d) and (plain or _activated(norm))
    if not known or norm.running_mean is None or norm.running_var is None or not norm.affine:
        raise ModelError(
            f"{norm if known else type(norm).__name__} cannot be made to keep its statistics",
            expected="BatchNorm2d, or timm's BatchNormAct2d, with affine=True and track_running_stats=True",
            where=where,
        )


def _activated(norm: nn.Module) -> bool:
    return type(norm).__name__ == "BatchNormAct2d" or isinstance(norm, _WithActivation)


def freeze(model: nn.Module, *, keep: Iterable[nn.Module] = (), bits: int | None = None) -> None:
    """Freeze everything in `model` but the modules in `keep`, in place.

    Normalisations become `FrozenBatchNorm2d`, dropout and stochastic depth `nn.Identity`; with `bits`,
    convolutions and linear layers are stored in 8 bits (`QuantisedConv2d`, `QuantisedLinear`). Normalisations
    keep their affine parameters and statistics at 32 bits: a few numbers per channel, that checkpoints know
    by their names.

    Raises:
        ModelError: as `check_freezable`; nothing was changed then.
    """
    keep = list(keep)
    check_freezable(model, keep=keep, bits=bits)
    kept = {module for each in keep for module in each.modules()}
    made: dict[nn.Module, nn.Module] = {}
    for where, parent, name, child in list(_outside(model, kept)):
        if child not in made:
            made[child] = _frozen(child, where, bits)
        if made[child] is not child:
            setattr(parent, name, made[child])
    trained = {parameter for module in kept for parameter in module.parameters(recurse=False)}
    for parameter in model.parameters():
        if parameter not in trained:
            parameter.requires_grad_(False)


def check_freezable(model: nn.Module, *, keep: Iterable[nn.Module] = (), bits: int | None = None) -> None:
    """Accept a network for `freeze` with the same arguments, or say what is wrong; it is not changed.

    Raises:
        ModelError: a layer behaves differently in training and cannot be frozen; or, with `bits`, a convolution or
            linear layer that cannot be stored so.
    """
    kept = {module for each in keep for module in each.modules()}
    for where, _, _, layer in _outside(model, kept):
        if isinstance(layer, nn.modules.batchnorm._NormBase):
            check_statistics(layer, where)
        weighs = isinstance(layer, nn.modules.conv._ConvNd | nn.Linear) and not isinstance(layer, Quantised)
        if bits is not None and weighs and not _storable(layer):
            raise ModelError(
                f"{layer} has no form that stores its weight in {bits} bits",
                expected="Conv2d with its padding as numbers of zeros, or Linear",
                where=where,
            )


def _outside(model: nn.Module, kept: set[nn.Module]) -> Iterator[tuple[str, nn.Module, str, nn.Module]]:
    """Path, parent, name in it and layer, of every layer that is not kept."""
    for path, parent in model.named_modules():
        if parent in kept:
            continue
        for name, child in parent.named_children():
            if child not in kept:
                yield f"{path}.{name}" if path else name, parent, name, child


def _frozen(layer: nn.Module, where: str, bits: int | None) -> nn.Module:
    if is_dropping(layer):
        return nn.Identity()
    if isinstance(layer, nn.modules.batchnorm._NormBase):
        return stored_statistics(layer, shift=False, where=where)
    if bits is not None and type(layer) is nn.Conv2d:
        return QuantisedConv2d.from_conv(layer)
    if bits is not None and type(layer) is nn.Linear:
        return QuantisedLinear.from_linear(layer)
    return layer


def _storable(layer: nn.Module) -> bool:
    """Exact types alone, because a subclass may compute anything with its weight."""
    if type(layer) is nn.Conv2d:
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return type(layer) is nn.Linear


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round to 8 bits per element, symmetric, with a scale per output channel.

    Args:
        weight: [out, …].

    Returns:
        int8 of the same shape, and the scale, [out, 1, …], so that their product is within scale / 2 of `weight`.
    """
    most = weight.detach().abs().amax(dim=tuple(range(1, weight.dim())), keepdim=True)
    scale = torch.where(most > 0, most / 127, torch.ones_like(most))
    return (weight.detach() / scale).round().to(torch.int8), scale


# Stride, padding, dilation, groups.
_Layout = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]


class _FixedWeight(torch.autograd.Function):
    """Convolution or linear map by a stored 8-bit weight; it is restored again for backward, never kept."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, bits: Tensor, scale: Tensor, bias: Tensor | None, layout: _Layout | None
    ) -> Tensor:
        ctx.save_for_backward(bits, scale)
        ctx.layout, ctx.shape, ctx.dtype = layout, x.shape, x.dtype
        weight = bits * scale
        if layout is None:
            return functional.linear(x, weight, bias)
        stride, padding, dilation, groups = layout
        return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None, None]:
        bits, scale = ctx.saved_tensors
        grad = upstream[0]
        # Under autocast the gradient is a half, as the product was; what it reaches is not.
        weight = (bits * scale).to(grad.dtype)
        if ctx.layout is None:
            grad_x = grad @ weight
        else:
            stride, padding, dilation, groups = ctx.layout
            # Nothing but the shape of the input matters to its own gradient.
            shape = grad.new_empty(1).expand(ctx.shape)
            grad_x, _, _ = torch.ops.aten.convolution_backward(
                grad,
                shape,
                weight,
                None,
                stride,
                padding,
                dilation,
                False,
                [0, 0],
                groups,
                [True, False, False],
            )
        return grad_x.to(ctx.dtype), None, None, None, None


class Quantised(nn.Module):
    """Base of frozen layers whose `weight` is an int8 buffer beside `weight_scale`; the bias stays as it is."""

    weight: Tensor
    weight_scale: Tensor

    def _store(self, layer: nn.Conv2d | nn.Linear) -> None:
        del self.weight
        bits, scale = quantise(layer.weight)
        self.register_buffer("weight", bits)
        self.register_buffer("weight_scale", scale)
        bias = layer._parameters["bias"]
        self.register_parameter("bias", bias)
        if bias is not None:
            bias.requires_grad_(False)
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        bias = self.get_parameter("bias") if self._parameters["bias"] is not None else None
        out: Tensor = _FixedWeight.apply(x, self.weight, self.weight_scale, bias, self._layout())
        return out

    def _layout(self) -> _Layout | None:
        """Of a convolution; None: a linear map."""
        return None


class QuantisedConv2d(Quantised, nn.Conv2d):
    """A frozen `nn.Conv2d` whose weight is stored in 8 bits per element, with a scale per output channel."""

    @classmethod
    def from_conv(cls, conv: nn.Conv2d) -> Self:
        """The convolution that `conv` is, its weight rounded; shares the bias."""
        made = cls(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]
            conv.stride,  # type: ignore[arg-type]
            conv.padding,  # type: ignore[arg-type]
            conv.dilation,  # type: ignore[arg-type]
            conv.groups,
            bias=conv.bias is not None,
            device="meta",
        )
        made._store(conv)
        return made

    def _layout(self) -> _Layout:
        padding = self.padding
        assert not isinstance(padding, str), "check_freezable refuses such convolutions"
        return self.stride, padding, self.dilation, self.groups


class QuantisedLinear(Quantised, nn.Linear):
    """A frozen `nn.Linear` whose weight is stored in 8 bits per element, with a scale per output."""

    @classmethod
    def from_linear(cls, linear: nn.Linear) -> Self:
        """The linear map that `linear` is, its weight rounded; shares the bias."""
        made = cls(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
        made._store(linear)
        return made
