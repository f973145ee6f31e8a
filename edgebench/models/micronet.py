"""MicroNet: a MobileNetV2 in miniature for 8x8 images, small enough to train in a second on one core.

Chosen by how well and how fast its plain reference trains: on 1,000 of scikit-learn's digits, 12 epochs of
SGD (lr 0.1, momentum 0.9, cosine, batch 64, weight decay 5e-4) reach 97-99 % on the other 797 in about one
second on one thread.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgebench.models.irb import InvertedResidual, conv_norm, make_divisible
from edgebench.models.mobile import initialise

# (output channels, stride, expansion) of each block, after MobileNetV2's table: a first block without
# expansion, then pairs of a reducing block and one with a shortcut.
_BLOCKS = ((16, 1, 1), (24, 2, 3), (24, 1, 3), (32, 2, 3), (32, 1, 3))
_STEM = 16
_MIX = 96
_DIVISOR = 4


class MicroNet(nn.Module):
    """Stem 3×3, five inverted residual blocks (maps of 8, 4 and 2 pixels), 1×1 mix, global pooling, linear.

    Args:
        classes: outputs; (N, in_channels, H, W) to (N, classes), for H and W of at least 4.
        in_channels: of the image.
        width: multiplies every channel number but the image's; results are rounded to multiples of 4. The mix
            layer never shrinks, as in MobileNetV2.
        dropout: probability of dropping a feature before the classifier.
        activation: of stem, blocks and mix layer: `relu`, `relu6` or `hardswish`.
        se: squeeze and excitation in every block.
    """

    def __init__(
        self,
        classes: int,
        in_channels: int = 1,
        width: float = 1.0,
        dropout: float = 0.0,
        activation: str = "relu6",
        se: bool = False,
    ) -> None:
        super().__init__()
        channels = make_divisible(_STEM * width, _DIVISOR)
        self.stem = conv_norm(in_channels, channels, 3, activation=activation)
        blocks: list[nn.Module] = []
        for base, stride, expansion in _BLOCKS:
            c_out = make_divisible(base * width, _DIVISOR)
            block = InvertedResidual(
                channels, c_out, stride=stride, expansion=expansion, activation=activation, se=se
            )
            blocks.append(block)
            channels = c_out
        self.blocks = nn.Sequential(*blocks)
        mixed = make_divisible(_MIX * max(1.0, width), _DIVISOR)
        self.mix = conv_norm(channels, mixed, activation=activation)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(mixed, classes)
        initialise(self, self.classifier)

    def forward(self, x: Tensor) -> Tensor:
        features = self.pool(self.mix(self.blocks(self.stem(x)))).flatten(1)
        out: Tensor = self.classifier(self.dropout(features))
        return out
