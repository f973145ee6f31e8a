"""Proxyless-Mobile (Cai et al. 2019, ProxylessNAS): the network that MobileTL's Table 3 measures.

4,080,512 parameters and 164,110,400 multiply-accumulates at 1000 classes and 160 px.
"""

from __future__ import annotations

from edgebench.models.mobile import Layout, MobileNet, Stage

LAYOUT = Layout(
    stem=32,
    first=16,
    stages=(
        Stage(32, 2, (3, 3), (5, 3)),
        Stage(40, 2, (3, 3, 3, 3), (7, 3, 5, 5)),
        Stage(80, 2, (6, 3, 3, 3), (7, 5, 5, 5)),
        Stage(96, 1, (6, 3, 3, 3), (5, 5, 5, 5)),
        Stage(192, 2, (6, 6, 3, 3), (7, 7, 7, 7)),
        Stage(320, 1, (6,), (7,)),
    ),
    mix=1280,
)


def proxyless_mobile(
    in_channels: int = 3, classes: int = 1000, width: float = 1.0, dropout: float = 0.0
) -> MobileNet:
    """Proxyless-Mobile; (N, in_channels, H, W) to (N, classes).

    Args:
        in_channels: of the image.
        classes: outputs.
        width: multiplies every layer's channels, rounded to multiples of 8; the mix layer never shrinks.
        dropout: probability before the classifier.
    """
    return MobileNet(LAYOUT.scaled(width), in_channels, classes, dropout)
