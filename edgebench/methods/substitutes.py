"""The naive ways to save memory that MobileTL's Table 4 compares with: cheaper layers in the trained blocks.

They change what the network computes, so that pretrained weights fit it less well.
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from edgebench.errors import ModelError
from edgebench.methods.matching import Block


def substitute(blocks: list[Block], kind: Literal["relu", "remove-se"]) -> None:
    """Replace every activation of the blocks by ReLU, or leave out their squeeze and excitation, in place.

    The activations inside squeeze and excitation stay.

    Raises:
        ModelError: there is nothing to replace.
    """
    if kind == "remove-se":
        slots = [block.se for block in blocks if block.se is not None]
        layer: type[nn.Module] = nn.Identity
    else:
        acts = [stage.act for block in blocks for stage in block.stages if stage.act is not None]
        slots = [slot for slot in acts if type(slot.module) is not nn.ReLU]
        layer = nn.ReLU
    if not slots:
        what = "squeeze and excitation" if kind == "remove-se" else "activation other than ReLU"
        raise ModelError(
            f"substitute '{kind}' has nothing to replace: no {what} in the trained blocks",
            where=", ".join(block.name for block in blocks),
        )
    for slot in slots:
        slot.replace(layer())
