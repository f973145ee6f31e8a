"""MobileNetV2-Tiny, as MCUNet and NetAug (Table 1) define it: MobileNetV2 at width 0.35 with a smaller end.

The last block and the mix layer are scaled too (112 and 448 channels, not 112 and 1280). 750,280 parameters and
23,499,152 multiply-accumulates at 1000 classes and 144 px.
"""

from __future__ import annotations

from edgebench.models.mobile import Layout, MobileNet, Stage

LAYOUT = Layout(
    stem=16,
    first=8,
    stages=(
        Stage(8, 2, (6, 6), (3, 3)),
        Stage(16, 2, (6, 6, 6), (3, 3, 3)),
        Stage(24, 2, (6, 6, 6, 6), (3, 3, 3, 3)),
        Stage(32, 1, (6, 6, 6), (3, 3, 3)),
        Stage(56, 2, (6, 6, 6), (3, 3, 3)),
        Stage(112, 1, (6,), (3,)),
    ),
    mix=448,
)


def mobilenet_v2_tiny(in_channels: int = 3, classes: int = 1000, dropout: float = 0.0) -> MobileNet:
    """MobileNetV2-Tiny; (N, in_channels, H, W) to (N, classes). `dropout`: probability before the classifier."""
    return MobileNet(LAYOUT, in_channels, classes, dropout)
