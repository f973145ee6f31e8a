"""DropBlock (Ghiasi et al. 2018): dropout of squares of the maps, because neighbouring units hold the same information.

torchvision's operation, which is the paper's: centres of squares are drawn in every channel of every image with the
probability γ of equation 1, and what is left is scaled so that the batch keeps its mean (algorithm 1). Because squares
may overlap, somewhat fewer units are dropped than 1 - keep. It is put after the blocks of the last two resolutions, for
a residual network those of the paper's groups 3 and 4; the probability is that of the settings from the first step on.

NetAug's Tables 3 and 6 used another implementation, which draws one mask for all channels of an image and leaves out
equation 1's correction for the border. Here each channel has its own, which the DropBlock paper found to work better.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import drop_block2d

from edgebench.errors import ModelError, SettingsError
from edgebench.methods.anatomy import anatomy, listed
from edgebench.methods.hooks import Method
from edgebench.methods.matching import is_depthwise, is_pointwise

RESOLUTIONS = 2
"""After the blocks of how many resolutions squares are dropped, counted from the output."""

_WIDE = (torch.float32, torch.float64)


class DropBlock(Method):
    """Drop squares of the maps after the blocks of the last two resolutions, in training mode alone.

    Works by forward hooks: layers, parameters and their names stay as they are, and copies of the network drop as it
    does. Its noise comes from torch's global generator.

    Args:
        keep: the probability of keeping a unit, 0 < keep ≤ 1.
        size: side of a square, odd, in pixels of the map.

    Raises:
        SettingsError: an argument is outside its range.
    """

    def __init__(self, keep: float, size: int) -> None:
        if not 0 < keep <= 1:
            raise SettingsError(f"DropBlock keeps with probability {keep}", expected="more than 0, at most 1")
        if size < 1 or size % 2 == 0:
            raise SettingsError(
                f"DropBlock's squares have sides of {size} pixels",
                expected="an odd number, so that they have a centre",
            )
        self._keep, self._size = keep, size

    def wrap(self, model: nn.Module) -> nn.Module:
        """The same network, which drops from now on.

        Raises:
            ModelError: its blocks, or some of them, are not known.
        """
        for _, module in places(model):
            module.register_forward_hook(_Dropping(1 - self._keep, self._size))
        return model


class _Dropping:
    """What a block's output goes through; an object, not a closure, so that a network with it can be pickled."""

    def __init__(self, probability: float, size: int) -> None:
        self._probability, self._size = probability, size

    def __call__(self, module: nn.Module, arguments: Any, maps: Tensor) -> Tensor | None:
        return drop(maps, self._probability, self._size) if module.training else None


def drop(maps: Tensor, probability: float, size: int) -> Tensor:
    """Maps without some squares, scaled to the mean that they would have had.

    On a map that is smaller than a square, squares are as large as fits: the largest odd number of pixels, because
    torchvision refuses even ones. On maps of 4 pixels squares are thus of 3, on those of 1 and 2 single units.

    Args:
        maps: float [B, C, H, W].
        probability: of dropping a unit.
        size: side of a square, odd, in pixels.

    Returns:
        Of the same shape and type; mask and scale are computed in float32 at least, because the sum over a mask of half
        precision overflows.
    """
    fits = min(size, *maps.shape[2:])
    wide = maps if maps.dtype in _WIDE else maps.float()
    dropped: Tensor = drop_block2d(wide, probability, fits - (fits + 1) % 2)
    return dropped.to(maps.dtype)


def places(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Path and module of each block of the last two resolutions; of a plain separable layer, its last activation.

    Raises:
        ModelError: the network has no blocks that are known, or one that is not.
    """
    found = anatomy(model)
    if found.unmatched:
        names = listed([path or "the model" for _, path, _ in found.unmatched])
        raise ModelError(
            f"DropBlock goes after the blocks of a network, and these are not built like a known one: {names}",
            expected="inverted residual or residual blocks, or separable layers as MobileNet v1's",
            where=type(model).__name__,
        )
    reached, scale = [], 1
    blocks = [(block.path, block.module, block.stride) for block in found.blocks]
    for path, module, stride in blocks or _separable(model):
        scale *= stride
        reached.append((scale, path, module))
    if not reached:
        raise ModelError(
            f"DropBlock goes after the blocks of a network, and {type(model).__name__} has none that is known",
            expected="inverted residual or residual blocks, or separable layers as MobileNet v1's",
        )
    last = sorted({scale for scale, _, _ in reached})[-RESOLUTIONS:]
    return [(path, module) for scale, path, module in reached if scale in last]


def _separable(model: nn.Module) -> list[tuple[str, nn.Module, int]]:
    """Path of the last activation, that layer, and the stride of each pair of convolutions after the first one.

    Empty when a convolution is neither the first nor one of such a pair: depthwise, then pointwise, each followed by
    its normalisation and its activation.
    """
    leaves = [
        (path, module) for path, module in model.named_modules() if not any(True for _ in module.children())
    ]
    starts = [index for index, (_, module) in enumerate(leaves) if isinstance(module, nn.Conv2d)][1:]
    found = []
    for first, second in zip_longest(starts[::2], starts[1::2]):
        pair = [module for _, module in leaves[first : first + 6]]
        if second != first + 3 or len(pair) < 6:
            return []
        depthwise, norm, _, pointwise, other, last = pair
        if not (is_depthwise(depthwise) and is_pointwise(pointwise)):
            return []
        if not (isinstance(norm, nn.BatchNorm2d) and isinstance(other, nn.BatchNorm2d)):
            return []
        found.append((leaves[first + 5][0], last, depthwise.stride[0]))
    return found
