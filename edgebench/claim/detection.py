"""What an arm of `kind: detect` may configure of its scenes: images with objects in boxes.

Fields whose default is None are left out of a trial's hash while they are None.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebench.claim.fields import Positive, Strict

SceneSet = Literal["shapes", "shapes-grey", "voc", "coco"]


class ScenesSettings(Strict):
    """A set of scenes by name, and how much of it."""

    name: SceneSet = Field(
        description="`shapes` (drawn, part of EdgeBench), `shapes-grey` (the same in one channel), `voc` (Pascal VOC "
        "2007 and 2012, tested on 2007), `coco` (COCO 2017)"
    )
    train: Positive | None = Field(None, description="training scenes to draw (all if not given)")
    val: Positive | None = Field(None, description="validation scenes held out (a tenth if not given)")
    size: Annotated[int, Field(ge=16, le=2048)] = Field(
        128, description="scenes are stretched to this many pixels a side; their boxes with them"
    )


class SceneMixupSettings(Strict):
    """Mixup for detection (Zhang et al. 2019): scenes blended in pairs, the objects of both kept."""

    alpha: Annotated[float, Field(gt=0)] = Field(
        1.5, description="λ ~ Beta(α, α), one for each scene; its objects' losses weigh λ, the other's 1 - λ"
    )


class SceneAugmentSettings(Strict):
    """Random transformations of training scenes; evaluation never sees them."""

    flip: bool = Field(False, description="mirror left-right with probability 0.5, boxes too")
    mixup: SceneMixupSettings | None = Field(None, description="blend scenes in pairs")
