"""MicroResNet: a residual network in miniature for 8×8 images, with torchvision's blocks and names.

The smallest network on which residual blocks can be frozen and trained one by one; on scikit-learn's digits it trains
in a few seconds on one core.
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

# Output channels and stride of each stage of one block.
_STAGES = ((16, 1), (32, 2), (48, 2))
_STEM = 16


class MicroResNet(nn.Module):
    """3×3 convolution, three basic blocks (maps of 8, 4 and 2 pixels), global pooling, linear.

    Args:
        in_channels: of the image; (N, in_channels, H, W) to (N, classes).
        classes: outputs.
        dropout: probability before the classifier.
    """

    def __init__(self, in_channels: int = 1, classes: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, _STEM, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM)
        self.relu = nn.ReLU(inplace=True)
        channels = _STEM
        stages: list[nn.Sequential] = []
        for c_out, stride in _STAGES:
            stages.append(
                nn.Sequential(BasicBlock(channels, c_out, stride, _shortcut(channels, c_out, stride)))
            )
            channels = c_out
        self.layer1, self.layer2, self.layer3 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, C, H, W] to logits [N, classes]."""
        maps = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        out: Tensor = self.fc(self.dropout(self.avgpool(maps).flatten(1)))
        return out


def _shortcut(c_in: int, c_out: int, stride: int) -> nn.Sequential | None:
    """What brings a block's input to the shape of its output; None where it has that shape."""
    if stride == 1 and c_in == c_out:
        return None
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
