"""MobileNetV3-Large as NetAug's Table 1 counts it (Howard et al. 2019; layers as in the code of Cai et al.).

At width 1 its layers are those of torchvision's `mobilenet_v3_large`. Below, two rules differ: the hidden layer of the
head keeps its 1280 channels, and the bottleneck of squeeze and excitation has at least 16. At width 0.35, 1000 classes
and 160 px: 2,109,840 parameters and 19,495,688 multiply-accumulates of convolutions and linear layers, to which the
scaling of channels by squeeze and excitation adds 104,200 multiplications.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from edgebench.models.irb import InvertedResidual, conv_norm, make_divisible
from edgebench.models.mobile import initialise

_STEM, _MIX, _HIDDEN = 16, 960, 1280
_SMALLEST_BOTTLENECK = 16


@dataclass(frozen=True)
class _Stage:
    """Blocks with the same output channels; the first has the stride, the others an identity shortcut."""

    channels: int
    inner: tuple[int, ...]
    kernel: int
    stride: int
    activation: str
    se: bool


_STAGES = (
    _Stage(24, (64, 72), 3, 2, "relu", se=False),
    _Stage(40, (72, 120, 120), 5, 2, "relu", se=True),
    _Stage(80, (240, 200, 184, 184), 3, 2, "hardswish", se=False),
    _Stage(112, (480, 672), 3, 1, "hardswish", se=True),
    _Stage(160, (672, 960, 960), 5, 2, "hardswish", se=True),
)


class MobileNetV3(nn.Module):
    """MobileNetV3-Large; images (N, in_channels, H, W) to logits (N, classes).

    Parts, from input to output: `stem`, `blocks`, `mix`, `pool`, `hidden` (linear and Hard-Swish), `dropout`,
    `classifier`. Weights start as MobileNetV2's do, those of the hidden layer like the classifier's.

    Args:
        in_channels: of the image.
        classes: outputs.
        width: multiplies every layer's channels, rounded to multiples of 8; the hidden layer never shrinks.
        dropout: probability before the classifier.
    """

    def __init__(
        self, in_channels: int = 3, classes: int = 1000, width: float = 1.0, dropout: float = 0.0
    ) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return make_divisible(channels * width)

        channels = scaled(_STEM)
        self.stem = conv_norm(in_channels, channels, 3, stride=2, activation="hardswish")
        blocks = [InvertedResidual(channels, channels, expansion=1, activation="relu")]
        for stage in _STAGES:
            for index, inner in enumerate(stage.inner):
                blocks.append(
                    InvertedResidual(
                        channels,
                        scaled(stage.channels),
                        stride=1 if index else stage.stride,
                        expansion=scaled(inner) / channels,
                        kernel=stage.kernel,
                        activation=stage.activation,
                        se=stage.se,
                        smallest_bottleneck=_SMALLEST_BOTTLENECK,
                        # At small widths inner channels may be as few as the input's; they are computed all the same.
                        expand=True,
                        shortcut=index > 0,
                    )
                )
                channels = scaled(stage.channels)
        self.blocks = nn.Sequential(*blocks)
        mix, hidden = scaled(_MIX), make_divisible(_HIDDEN * max(1.0, width))
        self.mix = conv_norm(channels, mix, activation="hardswish")
        self.pool = nn.AdaptiveAvgPool2d(1)
        reader = nn.Linear(mix, hidden)
        self.hidden = nn.Sequential(reader, nn.Hardswish(inplace=True))
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden, classes)
        initialise(self, self.classifier)
        nn.init.normal_(reader.weight, std=0.01)
        nn.init.zeros_(reader.bias)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.pool(self.mix(self.blocks(self.stem(x)))).flatten(1)
        out: Tensor = self.classifier(self.dropout(self.hidden(pooled)))
        return out
