"""The blocks that mobile networks are built from: convolution, inverted residual, squeeze and excitation.

Sources: inverted residual from MobileNetV2 (Sandler et al. 2018), squeeze and excitation with a hard sigmoid
from MobileNetV3 (Howard et al. 2019). All convolutions followed by a normalisation are bias-free. Activations
work in place on the output of their normalisation, which nothing else reads: the usual way, and the frugal
one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from edgebench.errors import SettingsError, did_you_mean

ACTIVATIONS: dict[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
}


def activation_layer(name: str, *, inplace: bool = True) -> nn.Module:
    """The activation called `name`.

    Raises:
        SettingsError: no activation has this name.
    """
    if name not in ACTIVATIONS:
        raise SettingsError(
            f"no activation is called '{name}'",
            expected="one of " + ", ".join(ACTIVATIONS),
            hint=did_you_mean(name, ACTIVATIONS),
        )
    return ACTIVATIONS[name](inplace=inplace)


def make_divisible(value: float, divisor: int = 8) -> int:
    """`value` rounded to a multiple of `divisor`, at least `divisor`, and never below 90 % of `value`."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def conv_norm(
    c_in: int,
    c_out: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: str | None = None,
) -> nn.Sequential:
    """Bias-free convolution, batch normalisation and activation, named `conv`, `bn` and `act`.

    Padding keeps the map at stride 1. Shapes: (N, c_in, H, W) to (N, c_out, ⌈H/stride⌉, ⌈W/stride⌉).
    """
    if kernel % 2 == 0:
        raise SettingsError(
            f"the kernel size is {kernel}", expected="an odd number, so that padding is symmetric"
        )
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, bn=nn.BatchNorm2d(c_out))
    if activation is not None:
        layers["act"] = activation_layer(activation)
    return nn.Sequential(layers)


class ConvBlock(nn.Module):
    """An ordinary convolution with normalisation and activation: the baseline of MobileTL, Table 1.

    Args:
        channels: input and output channels; (N, channels, H, W) in and out.
        kernel: spatial size, odd.
        activation: `relu`, `relu6` or `hardswish`.
    """

    def __init__(self, channels: int, kernel: int = 3, activation: str = "relu") -> None:
        super().__init__()
        self.block = conv_norm(channels, channels, kernel, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class SqueezeExcitation(nn.Module):
    """Scales every channel by a number computed from all channel means (MobileNetV3's form).

    The 1×1 convolutions act on one vector per image and have biases; the bottleneck has
    `make_divisible(channels / 4)` channels, or `smallest` if that is more.
    """

    def __init__(self, channels: int, smallest: int = 8) -> None:
        super().__init__()
        reduced = max(make_divisible(channels / 4), smallest)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.act = nn.ReLU(inplace=True)
        self.restore = nn.Conv2d(reduced, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * self.gate(self.restore(self.act(self.reduce(self.pool(x)))))
        return out


class InvertedResidual(nn.Module):
    """1×1 expansion, depthwise convolution, optional squeeze and excitation, linear 1×1 projection.

    Stages are `expand` and `depthwise` (each `conv`, `bn`, `act`), `se`, and `project` (`conv`, `bn`); an
    absent stage is None. The input is added to the output when the stride is 1 and the channel numbers agree.

    Args:
        c_in: input channels.
        c_out: output channels; (N, c_in, H, W) to (N, c_out, ⌈H/stride⌉, ⌈W/stride⌉).
        stride: of the depthwise convolution.
        expansion: inner channels are `make_divisible(expansion * c_in)`.
        kernel: of the depthwise convolution, odd.
        activation: `relu`, `relu6` or `hardswish`.
        se: with squeeze and excitation, after the depthwise stage's activation.
        smallest_bottleneck: channels that squeeze and excitation reduces to, at least.
        expand: whether there is an expansion stage; by default only when it expands (expansion other than 1),
            as in the published networks. MobileTL's Table 1 has one at expansion 1.
        shortcut: False leaves the addition out even where the shapes agree, as at the start of a stage.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        stride: int = 1,
        expansion: float = 6,
        kernel: int = 3,
        activation: str = "relu6",
        se: bool = False,
        smallest_bottleneck: int = 8,
        expand: bool | None = None,
        shortcut: bool = True,
    ) -> None:
        super().__init__()
        has_expansion = expansion != 1 if expand is None else expand
        if not has_expansion and expansion != 1:
            raise SettingsError(
                f"an inverted residual without an expansion stage cannot expand by {expansion}",
                expected="expansion 1, or expand=True",
            )
        middle = make_divisible(expansion * c_in) if has_expansion else c_in
        self.expand = conv_norm(c_in, middle, activation=activation) if has_expansion else None
        self.depthwise = conv_norm(
            middle, middle, kernel, stride=stride, groups=middle, activation=activation
        )
        self.se = SqueezeExcitation(middle, smallest_bottleneck) if se else None
        self.project = conv_norm(middle, c_out)
        self.shortcut = shortcut and stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x if self.expand is None else self.expand(x)
        out = self.depthwise(out)
        if self.se is not None:
            out = self.se(out)
        out = self.project(out)
        return x + out if self.shortcut else out
