"""A detector after YOLOv3 (Redmon & Farhadi 2018) on a small backbone, its convolutions depthwise separable.

As in section 4.1 of the NetAug paper: the backbone of YOLOv3 is replaced by a tiny network, and the ordinary
convolutions of its head by depthwise ones. From the coarsest map to the finest, each map of the backbone is joined with
the upsampled one above it, brought to the head's channels, and read by a predictor of three anchors. Not in the paper,
which gives no numbers: the head's channels, and one separable convolution per stage where YOLOv3 has a stack of five.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from edgebench.errors import ModelError
from edgebench.methods.anatomy import anatomy
from edgebench.models.irb import conv_norm

ANCHORS = 3  # per scale
FINEST = 4  # least stride of a map that is predicted from, in pixels of the image
MOST_SCALES = 3
LEAST_SCALES = 2
# The objectness that predictions start with: as rare as objects are among them (Lin et al. 2017, Focal loss, 4.1).
PRIOR = 0.01


class Backbone(nn.Module):
    """The convolutional part of a classifier: everything up to its last block.

    Args:
        model: a network whose order of computation is known (`anatomy`): of this package, or torchvision's MobileNetV2,
            V3 or ResNet. Its layers are shared, not copied; feature mix and classifier are left out.
        shape: of an image, (C, H, W).

    Attributes:
        taps: channels and stride of each map that `forward` returns, the finest first: the last of each size, at most
            `MOST_SCALES`, none finer than a stride of `FINEST`.

    Raises:
        ModelError: another network, or too small images.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, int, int]) -> None:
        super().__init__()
        found = anatomy(model)
        if found.sequence is None or not found.blocks:
            raise ModelError(
                f"no detector can be built on {type(model).__name__}: its order of computation is not known",
                expected="micronet, mobilenetv2-tiny, proxyless-mobile, torchvision's MobileNetV2 or V3, or the like",
            )
        last = found.blocks[-1].module
        until = next(i for i, part in enumerate(found.sequence) if any(m is last for m in part.modules()))
        self.parts = nn.ModuleList(found.sequence[: until + 1])
        sizes = self._sizes(shape)
        strides = [shape[1] / size for _, size in sizes]
        ends = [i for i in range(len(sizes)) if i + 1 == len(sizes) or strides[i + 1] > strides[i]]
        self._ends = [i for i in ends if strides[i] >= FINEST][-MOST_SCALES:]
        self.taps = [(sizes[i][0], round(strides[i])) for i in self._ends]
        if not self._ends or any(shape[side] % stride for _, stride in self.taps for side in (1, 2)):
            raise ModelError(
                f"images of {shape[1]} × {shape[2]} pixels on {type(model).__name__}, whose maps are "
                + ", ".join(f"{size}²" for size in dict.fromkeys(size for _, size in sizes)),
                expected=f"a multiple of its stride; maps with a stride of {FINEST} or more",
            )

    def _sizes(self, shape: tuple[int, int, int]) -> list[tuple[int, int]]:
        """Channels and height of the map after each part."""
        was, found = self.training, []
        with torch.inference_mode():
            x = torch.zeros((1, *shape))
            self.eval()
            for part in self.parts:
                x = part(x)
                found.append((x.shape[1], x.shape[2]))
        self.train(was)
        return found

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images [B, C, H, W] to maps, the finest first."""
        maps = []
        for index, part in enumerate(self.parts):
            x = part(x)
            if index in self._ends:
                maps.append(x)
        return maps


class Detector(nn.Module):
    """Backbone, top-down neck and predictors.

    Args:
        backbone: of S taps; with fewer than `LEAST_SCALES`, separable convolutions of stride 2 add coarser ones.
        anchors: widths and heights in pixels, float [S * ANCHORS, 2], by rising size; `scales(backbone)` is S.
        classes: K.
        channels: of the maps between backbone and predictors.

    Attributes:
        strides: of each scale, the finest first.
    """

    def __init__(self, backbone: Backbone, anchors: Tensor, classes: int, channels: int) -> None:
        super().__init__()
        taps = list(backbone.taps)
        self.backbone = backbone
        self.coarser = nn.ModuleList()
        while len(taps) < LEAST_SCALES:
            width, stride = taps[-1]
            self.coarser.append(_separable(width, channels, stride=2))
            taps.append((channels, 2 * stride))
        self.strides = [stride for _, stride in taps]
        self._anchors = anchors.tolist()
        self.joined, self.lifted, self.predictors = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for index, (width, _) in enumerate(taps):
            coarsest = index + 1 == len(taps)
            enters = width if coarsest else width + channels // 2
            reduce = conv_norm(enters, channels, activation="relu6")
            self.joined.append(nn.Sequential(reduce, _separable(channels, channels)))
            if index:
                self.lifted.append(conv_norm(channels, channels // 2, activation="relu6"))
            outputs = nn.Conv2d(channels, ANCHORS * (5 + classes), 1)
            self.predictors.append(nn.Sequential(_separable(channels, channels), outputs))
        self.outputs = 5 + classes
        self._initialise()

    @property
    def anchors(self) -> Tensor:
        """Widths and heights, float32 [S * ANCHORS, 2], on the network's device; no buffer, as they are no weights."""
        return torch.tensor(self._anchors, device=next(self.parameters()).device)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images [B, C, H, W] to raw predictions, one [B, ANCHORS, h, w, 5 + K] per scale, the finest first.

        The last axis: offsets of the centre, logarithms of width and height over the anchor's, objectness, classes.
        """
        maps = self.backbone(x)
        for coarser in self.coarser:
            maps.append(coarser(maps[-1]))
        found: list[Tensor] = []
        above: Tensor | None = None
        for index in reversed(range(len(maps))):
            here = maps[index]
            if above is not None:
                up = interpolate(self.lifted[index](above), size=here.shape[2:], mode="nearest")
                here = torch.cat([here, up], 1)
            above = self.joined[index](here)
            raw = self.predictors[index](above)
            batch, _, height, width = raw.shape
            raw = raw.reshape(batch, ANCHORS, self.outputs, height, width).permute(0, 1, 3, 4, 2)
            found.append(raw)
        return found[::-1]

    def _initialise(self) -> None:
        """He for convolutions; predictors start small, and with objects as rare as they are."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith("backbone."):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        for predictor in self.predictors:
            outputs = predictor.get_submodule("1")
            assert isinstance(outputs, nn.Conv2d)
            assert outputs.bias is not None
            nn.init.normal_(outputs.weight, std=0.01)
            nn.init.zeros_(outputs.bias)
            with torch.no_grad():
                by_anchor = outputs.bias.view(ANCHORS, -1)
                by_anchor[:, 4] = float(torch.tensor(PRIOR).logit())
                by_anchor[:, 5:] = float(torch.tensor(1 / max(2, self.outputs - 5)).logit())


def scales(backbone: Backbone) -> int:
    """How many maps a detector on it predicts from."""
    return max(LEAST_SCALES, len(backbone.taps))


def _separable(enters: int, leaves: int, stride: int = 1) -> nn.Sequential:
    """Depthwise 3×3 and pointwise convolution, each with normalisation and ReLU6."""
    depthwise = conv_norm(enters, enters, 3, stride=stride, groups=enters, activation="relu6")
    return nn.Sequential(depthwise, conv_norm(enters, leaves, activation="relu6"))
