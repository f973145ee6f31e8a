"""MobileNetV2 as small as dual-path: at most 14,862 parameters on 28 × 28 × 1 and 19,622 on 32 × 32 × 3, 10 classes.

MobileNetV2's table (Sandler et al. 2018, Table 2) at width 1/4, its channels rounded to multiples of 8 as there (stem
8; then 8, 8, 8, 16, 24), with its inverted residuals of expansion 6, linear bottlenecks and ReLU6. A width alone cannot
make the network this small; what differs from the table besides:

- The stem has stride 1, as is usual for small images. The stages keep their strides, so that the last maps are 4 × 4.
- The stages of 160 and 320 channels are left out: at this width they alone would have 88,048 parameters.
- The stages of 24, 32, 64 and 96 channels have 2, 2, 1, 1 blocks (20k: 2, 2, 2, 1), not 2, 3, 4, 3.
- The mix layer has 56 channels (20k: 60), not 1280, which never shrink there.
"""

from __future__ import annotations

from edgebench.models.mobile import Layout, MobileNet, Stage


def _layout(blocks: tuple[int, int, int, int], mix: int) -> Layout:
    rows = zip((8, 8, 16, 24), (2, 2, 2, 1), blocks, strict=True)
    stages = tuple(Stage(channels, stride, (6,) * count, (3,) * count) for channels, stride, count in rows)
    return Layout(stem=8, first=8, stages=stages, mix=mix, stem_stride=1)


def mobilenet_v2_15k(in_channels: int = 1, classes: int = 10, dropout: float = 0.0) -> MobileNet:
    """14,858 parameters on one channel; (N, in_channels, H, W) to (N, classes), for 28 × 28 or so."""
    return MobileNet(_layout((2, 2, 1, 1), 56), in_channels, classes, dropout)


def mobilenet_v2_20k(in_channels: int = 3, classes: int = 10, dropout: float = 0.0) -> MobileNet:
    """19,498 parameters on three channels; (N, in_channels, H, W) to (N, classes), for 32 × 32 or so."""
    return MobileNet(_layout((2, 2, 2, 1), 60), in_channels, classes, dropout)
