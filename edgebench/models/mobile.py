"""Mobile networks of one plan: stem, inverted residual blocks, optional feature mix, pooling, linear classifier.

A network of this family is a `Layout`, a table of channel numbers, strides, expansions and kernels; `MobileNet` builds
it. Stages follow MobileNetV2 (Sandler et al. 2018): the first block of a stage changes channels and stride and has no
shortcut, the others have one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from edgebench.models.irb import InvertedResidual, conv_norm, make_divisible


@dataclass(frozen=True)
class Stage:
    """Blocks with the same output channels.

    Attributes:
        channels: output channels of every block.
        stride: of the first block; the others have stride 1.
        expansions: expansion ratio of each block.
        kernels: depthwise kernel of each block, odd.
    """

    channels: int
    stride: int
    expansions: tuple[int, ...]
    kernels: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A network of this family, but for the image's channels and the classes.

    Attributes:
        stem: channels of the 3×3 convolution of stride 2 that reads the image.
        first: output channels of the first block, which has no expansion stage and no shortcut (3×3, stride 1).
        stages: of inverted residual blocks.
        mix: channels of the 1×1 convolution after the last block (the feature mix); None: there is none.
    """

    stem: int
    first: int
    stages: tuple[Stage, ...]
    mix: int | None

    def scaled(self, width: float) -> Layout:
        """All channels times `width`, rounded by `make_divisible`; the mix layer never shrinks, as in MobileNetV2."""
        return Layout(
            make_divisible(self.stem * width),
            make_divisible(self.first * width),
            tuple(replace(stage, channels=make_divisible(stage.channels * width)) for stage in self.stages),
            None if self.mix is None else make_divisible(self.mix * max(1.0, width)),
        )


class MobileNet(nn.Module):
    """The network of a layout, ReLU6 throughout, every convolution with batch normalisation.

    Parts, from input to output: `stem`, `blocks`, `mix` (None where the layout has none), `pool`, `dropout`,
    `classifier`. Weights start as MobileNetV2's do.

    Args:
        layout: channels, strides, expansions, kernels.
        in_channels: of the image; (N, in_channels, H, W) to (N, classes).
        classes: outputs.
        dropout: probability of dropping a feature before the classifier.
    """

    def __init__(
        self, layout: Layout, in_channels: int = 3, classes: int = 1000, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.stem = conv_norm(in_channels, layout.stem, 3, stride=2, activation="relu6")
        blocks = [InvertedResidual(layout.stem, layout.first, expansion=1, shortcut=False)]
        channels = layout.first
        for stage in layout.stages:
            for index, (expansion, kernel) in enumerate(zip(stage.expansions, stage.kernels, strict=True)):
                blocks.append(
                    InvertedResidual(
                        channels,
                        stage.channels,
                        stride=1 if index else stage.stride,
                        expansion=expansion,
                        kernel=kernel,
                        shortcut=index > 0,
                    )
                )
                channels = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.mix = None if layout.mix is None else conv_norm(channels, layout.mix, activation="relu6")
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(layout.mix or channels, classes)
        initialise(self, self.classifier)

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, C, H, W] to logits [N, classes]."""
        maps = self.blocks(self.stem(x))
        if self.mix is not None:
            maps = self.mix(maps)
        out: Tensor = self.classifier(self.dropout(self.pool(maps).flatten(1)))
        return out


def initialise(network: nn.Module, classifier: nn.Linear) -> None:
    """As MobileNetV2: fan-out He for convolutions, small weights for the classifier, no shifts."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
