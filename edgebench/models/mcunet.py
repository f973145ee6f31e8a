"""MCUNet for ImageNet, the variant that NetAug's Table 1 counts (called in3 by its authors; Lin et al. 2020).

737,408 parameters and 81,785,520 multiply-accumulates at 1000 classes and 176 px. It has no mix layer.
"""

from __future__ import annotations

from edgebench.models.mobile import Layout, MobileNet, Stage

LAYOUT = Layout(
    stem=16,
    first=8,
    stages=(
        Stage(16, 2, (3, 5, 5, 4), (7, 3, 7, 5)),
        Stage(24, 2, (5, 5, 5), (5, 5, 5)),
        Stage(40, 2, (5, 6, 4), (3, 7, 5)),
        Stage(48, 1, (5, 5, 5), (5, 7, 3)),
        Stage(96, 2, (6, 5, 4), (3, 7, 3)),
        Stage(160, 1, (5,), (7,)),
    ),
    mix=None,
)


def mcunet(in_channels: int = 3, classes: int = 1000, dropout: float = 0.0) -> MobileNet:
    """MCUNet; (N, in_channels, H, W) to (N, classes). `dropout`: probability before the classifier."""
    return MobileNet(LAYOUT, in_channels, classes, dropout)
