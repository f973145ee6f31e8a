"""RandAugment and AutoAugment of a whole batch: each image draws its operations, those who drew the same share a call.

Operations, magnitudes and policies are those of `torchvision.transforms.v2`, which draws and acts image by image. Here
all draws of an epoch are one tensor, and the images of a batch that drew the same operation, magnitude and sign are one
call of torchvision's kernel; the result is the same bytes, but for single pixels that a blend of two images puts one
level off: whether it rounds its product depends on the pixel's place in the processor's vectors. (Sums of a kernel are
those of whole numbers, which float32 adds exactly in any order, up to 256 × 256 pixels.)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchvision.transforms import AutoAugment as Policies
from torchvision.transforms import AutoAugmentPolicy
from torchvision.transforms.v2 import functional

if TYPE_CHECKING:
    from edgebench.claim.augment import AugmentSettings, RandAugmentSettings

Size = tuple[int, int]
Action = tuple[str, float]
"""An operation and its signed magnitude in the operation's own unit."""

SIGNED = (
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Rotate",
    "Brightness",
    "Color",
    "Contrast",
    "Sharpness",
)
"""Operations whose magnitude is negated in half of the draws."""

RANDAUGMENT = ("Identity", *SIGNED, "Posterize", "Solarize", "AutoContrast", "Equalize")
"""What RandAugment draws from."""

_IDENTITY: Action = ("Identity", 0.0)
_RANDAUGMENT_BINS, _AUTOAUGMENT_BINS = 31, 10
_POLICIES = {
    "cifar10": AutoAugmentPolicy.CIFAR10,
    "imagenet": AutoAugmentPolicy.IMAGENET,
    "svhn": AutoAugmentPolicy.SVHN,
}


def magnitude_of(name: str, index: int, bins: int, size: Size) -> float:
    """What the `index`-th of `bins` magnitudes is for an operation.

    Args:
        name: of the operation.
        index: 0 to bins - 1.
        bins: magnitudes from the weakest to the strongest.
        size: height and width of the images, pixels.

    Returns:
        Shear: tangent; translation: pixels; rotation: degrees; colours and sharpness: what is added to the factor 1;
        posterising: bits kept; solarising: threshold as a share of 255; 0 for operations that have none.
    """

    def reached(start: float, end: float) -> float:
        return float(torch.linspace(start, end, bins)[index])  # float32, as torchvision's table

    match name:
        case "ShearX" | "ShearY":
            return reached(0.0, 0.3)
        case "TranslateX" | "TranslateY":
            return reached(0.0, 150.0 / 331.0 * size[name == "TranslateX"])
        case "Rotate":
            return reached(0.0, 30.0)
        case "Brightness" | "Color" | "Contrast" | "Sharpness":
            return reached(0.0, 0.9)
        case "Posterize":
            return float((8 - torch.tensor(index) / ((bins - 1) / 4)).round())
        case "Solarize":
            return reached(1.0, 0.0)
    return 0.0


def _moved(images: Tensor, right: int = 0, down: int = 0) -> Tensor:
    moved: Tensor = functional.affine(images, angle=0.0, translate=[right, down], scale=1.0, shear=[0.0, 0.0])
    return moved


def _sheared(images: Tensor, along: float, up: float) -> Tensor:
    shear = [math.degrees(math.atan(along)), math.degrees(math.atan(up))]
    sheared: Tensor = functional.affine(
        images, angle=0.0, translate=[0, 0], scale=1.0, shear=shear, center=[0.0, 0.0]
    )
    return sheared


_OPERATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "Identity": lambda images, _: images,
    "ShearX": lambda images, by: _sheared(images, by, 0.0),
    "ShearY": lambda images, by: _sheared(images, 0.0, by),
    "TranslateX": lambda images, by: _moved(images, right=int(by)),
    "TranslateY": lambda images, by: _moved(images, down=int(by)),
    "Rotate": lambda images, by: functional.rotate(images, by),
    "Brightness": lambda images, by: functional.adjust_brightness(images, 1.0 + by),
    "Color": lambda images, by: functional.adjust_saturation(images, 1.0 + by),
    "Contrast": lambda images, by: functional.adjust_contrast(images, 1.0 + by),
    "Sharpness": lambda images, by: functional.adjust_sharpness(images, 1.0 + by),
    "Posterize": lambda images, bits: functional.posterize(images, int(bits)),
    "Solarize": lambda images, share: functional.solarize(images, 255 * share),
    "AutoContrast": lambda images, _: functional.autocontrast(images),
    "Equalize": lambda images, _: functional.equalize(images),
    "Invert": lambda images, _: functional.invert(images),
}


def perform(action: Action, images: Tensor) -> Tensor:
    """One operation on all images: uint8 [..., C, H, W] with 1 or 3 channels, to the same."""
    name, magnitude = action
    return _OPERATIONS[name](images, magnitude)


class Policy(ABC):
    """Which actions there are, and how an image draws some of them.

    Attributes:
        actions: by their number, which is what is drawn.
    """

    actions: Sequence[Action]

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Numbers of the actions of `count` images, int64 [count, steps]; the generator is on the CPU."""

    def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
        """Every image's own actions, one after the other.

        Args:
            images: uint8 [B, H, W, C] with 1 or 3 channels, any device.
            drawn: int64 [B, steps], as from `draw`.

        Returns:
            uint8 [B, H, W, C], contiguous.
        """
        images = images.permute(0, 3, 1, 2).contiguous()
        for numbers in drawn.T:
            # Sorted by action, images of one action are a slice.
            order = numbers.argsort(stable=True)
            present, counts = numbers.unique(return_counts=True)
            parts = torch.split(images.index_select(0, order.to(images.device)), counts.tolist())
            acted = [
                perform(self.actions[number], part)
                for number, part in zip(present.tolist(), parts, strict=True)
            ]
            images = torch.cat(acted).index_select(0, order.argsort().to(images.device))
        return images.permute(0, 2, 3, 1).contiguous()


class RandAugment(Policy):
    """RandAugment (Cubuk et al. 2019): N operations drawn uniformly, all of magnitude M.

    Args:
        settings: N and M.
        size: height and width of the images, pixels.
    """

    def __init__(self, settings: RandAugmentSettings, size: Size) -> None:
        self._steps = settings.ops
        strengths = [
            (name, magnitude_of(name, settings.magnitude, _RANDAUGMENT_BINS, size)) for name in RANDAUGMENT
        ]
        # Each twice, as it is and negated.
        self.actions = [(name, by * sign) for name, by in strengths for sign in (1, -1)]
        self._signed = torch.tensor([name in SIGNED for name in RANDAUGMENT])

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        draws = torch.rand(count, self._steps, 2, generator=generator, dtype=torch.float64)
        operations = (draws[..., 0] * len(RANDAUGMENT)).long()
        return 2 * operations + (self._signed[operations] & (draws[..., 1] <= 0.5))


class AutoAugment(Policy):
    """AutoAugment (Cubuk et al. 2018): one of a policy's 25 pairs of operations, each with its own probability.

    Args:
        policy: dataset that the policy was found for.
        size: height and width of the images, pixels.
    """

    def __init__(self, policy: str, size: Size) -> None:
        pairs = Policies(_POLICIES[policy]).policies
        self._probabilities = torch.tensor([[p for _, p, _ in pair] for pair in pairs], dtype=torch.float64)
        actions: dict[Action, int] = {_IDENTITY: 0}

        def numbers(name: str, index: int | None) -> list[int]:
            """Of the action as it is and negated, the same where it has no sign."""
            by = 0.0 if index is None else magnitude_of(name, index, _AUTOAUGMENT_BINS, size)
            both = [(name, by), (name, -by if name in SIGNED else by)]
            return [actions.setdefault(action, len(actions)) for action in both]

        self._numbers = torch.tensor([[numbers(name, index) for name, _, index in pair] for pair in pairs])
        self.actions = list(actions)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        draws = torch.rand(count, 5, generator=generator, dtype=torch.float64)
        pair = (draws[:, 0] * len(self._numbers)).long()
        negated = (draws[:, 3:] <= 0.5).long()
        numbers = self._numbers[pair].gather(2, negated[:, :, None]).squeeze(2)
        return torch.where(draws[:, 1:3] <= self._probabilities[pair], numbers, 0)


def policy_of(augment: AugmentSettings, size: Size) -> Policy | None:
    """The policy that the settings ask for, on images of a height and width in pixels; None for none."""
    if augment.randaugment is not None:
        return RandAugment(augment.randaugment, size)
    return AutoAugment(augment.autoaugment, size) if augment.autoaugment is not None else None
