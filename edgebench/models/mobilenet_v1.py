"""MobileNet v1 (Howard et al. 2017; Table 1 of the mobilenet-ablation paper): depthwise-separable convolutions only.

The paper's last depthwise row is printed with stride 2 although its map stays 7×7; it is stride 1. With that, 224 px
and 1000 classes, the network has 4,231,976 parameters and 568,740,352 multiply-accumulates.
"""

from __future__ import annotations

from torch import Tensor, nn

# Output channels and stride of each depthwise-separable layer.
_LAYERS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


def _conv(c_in: int, c_out: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(c_out), nn.ReLU()]


class MobileNetV1(nn.Module):
    """MobileNet v1.

    Args:
        in_channels: channels of the images.
        classes: outputs of the classifier.
        width: multiplier of every layer's channels, at least 8 of which are kept.
        dropout: probability before the classifier.
        stem: `small` gives the first convolution stride 1, for images of 32 px: the last map is then 2×2, not 1×1.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 1000,
        width: float = 1.0,
        dropout: float = 0.0,
        stem: str | None = None,
    ) -> None:
        super().__init__()
        channels = self._scaled(32, width)
        layers = _conv(in_channels, channels, 3, 1 if stem == "small" else 2)
        for full, stride in _LAYERS:
            c_out = self._scaled(full, width)
            layers += _conv(channels, channels, 3, stride, groups=channels) + _conv(channels, c_out, 1, 1)
            channels = c_out
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] to logits [B, classes]."""
        return self.classifier(self.dropout(self.pool(self.features(x)).flatten(1)))  # type: ignore[no-any-return]

    @staticmethod
    def _scaled(channels: int, width: float) -> int:
        return max(8, int(channels * width))
