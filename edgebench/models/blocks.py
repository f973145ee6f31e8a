"""Single blocks under their registered names: what the block-level claims of MobileTL profile.

Both blocks have an expansion stage at every ratio, as in MobileTL's Table 1 (its blocks expand by 1).
"""

from __future__ import annotations

from edgebench.models.irb import InvertedResidual


def mbv2_block(
    channels: int, kernel: int = 3, expansion: int = 6, activation: str = "relu6"
) -> InvertedResidual:
    """MobileNetV2's block with a shortcut; (N, channels, H, W) in and out."""
    return InvertedResidual(
        channels, channels, kernel=kernel, expansion=expansion, activation=activation, expand=True
    )


def mbv3_block(
    channels: int, kernel: int = 3, expansion: int = 6, activation: str = "hardswish"
) -> InvertedResidual:
    """MobileNetV3's block with squeeze and excitation and a shortcut; (N, channels, H, W) in and out."""
    return InvertedResidual(
        channels, channels, kernel=kernel, expansion=expansion, activation=activation, se=True, expand=True
    )
