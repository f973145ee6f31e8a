"""The three small networks whose ImageNet weights the MCUNet authors released in int8 (tiny-training, MIT licence).

None has a mix layer. Their weights are checkpoints of the same names (`edgebench.models.checkpoint`).
"""

from __future__ import annotations

from dataclasses import replace

from edgebench.models import mobilenet_v2_tiny, proxyless
from edgebench.models.mobile import Layout, MobileNet, Stage

MBV2_W035 = replace(mobilenet_v2_tiny.LAYOUT, mix=None)

# Proxyless-Mobile at width 0.3, whose fifth stage the authors rounded up to 64 channels.
_scaled = proxyless.LAYOUT.scaled(0.3)
PROXYLESS_W03 = replace(
    _scaled,
    stages=tuple(replace(stage, channels=64) if stage.channels == 56 else stage for stage in _scaled.stages),
    mix=None,
)

MCUNET_5FPS = Layout(
    stem=16,
    first=8,
    stages=(
        Stage(16, 2, (4, 3), (3, 3)),
        Stage(24, 2, (3, 5), (7, 3)),
        Stage(40, 2, (5, 4), (3, 7)),
        Stage(48, 1, (4, 3, 4), (5, 3, 3)),
        Stage(96, 2, (5, 4, 4), (7, 5, 5)),
        Stage(160, 1, (6,), (3,)),
    ),
    mix=None,
)


def mbv2_w035(in_channels: int = 3, classes: int = 1000, dropout: float = 0.0) -> MobileNet:
    """MobileNetV2-Tiny without its mix layer; (N, in_channels, H, W) to (N, classes)."""
    return MobileNet(MBV2_W035, in_channels, classes, dropout)


def proxyless_w03(in_channels: int = 3, classes: int = 1000, dropout: float = 0.0) -> MobileNet:
    """Proxyless-Mobile at width 0.3 without its mix layer; (N, in_channels, H, W) to (N, classes)."""
    return MobileNet(PROXYLESS_W03, in_channels, classes, dropout)


def mcunet_5fps(in_channels: int = 3, classes: int = 1000, dropout: float = 0.0) -> MobileNet:
    """MCUNet at five frames per second on its authors' device; (N, in_channels, H, W) to (N, classes)."""
    return MobileNet(MCUNET_5FPS, in_channels, classes, dropout)
