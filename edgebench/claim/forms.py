"""What an arm may configure of the form that a network has while it trains, or in which it is tested.

Fields whose default is None are left out of a trial's hash while they are None.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from edgebench.claim.fields import Factors, Positive, Strict

Norms = Literal["proj-bn", "exp-bn", "dw-bn", "all-bn", "all-bn-shift"]


class MethodSettings(Strict):
    """Which part of a network is trained, and how: a fine-tuning strategy, applied to the model."""

    name: Literal[
        "mobiletl", "ft-all", "ft-last", "ft-bn", "ft-bias", "ft-blocks", "tinytl-b", "tinytl-l", "tinytl-l-b"
    ] = Field(description="`ft-…`: plain fine-tuning of that part; the classifier trains in all of them")
    blocks: Positive | None = Field(
        None, description="`mobiletl`, `ft-blocks`: how many blocks next to the output train"
    )
    norms: Norms | None = Field(
        None,
        description="`mobiletl`: which normalisations train in full, the others their shift; `proj-bn` if not given",
    )
    patches: bool | None = Field(
        None, description="`mobiletl`, `ft-blocks`: lite residual patches beside the trained blocks"
    )
    main: Literal["frozen"] | None = Field(
        None, description="with patches: the blocks themselves stay frozen"
    )
    substitute: Literal["relu", "remove-se"] | None = Field(
        None, description="in the trained blocks: ReLU for every activation, or no squeeze and excitation"
    )
    frozen_bits: Literal[8] | None = Field(
        None, description="store the weights of the frozen layers in 8 bits"
    )


class QuantiseSettings(Strict):
    """Static quantisation after the training: weights and maps as integers, ranges from training images."""

    name: Literal["int8"] = Field(description="8-bit weights and maps")
    calibration: Positive = Field(256, description="training images from which the ranges of maps are taken")
    per: Literal["channel", "tensor"] = Field(
        "channel", description="a scale for each output channel of a weight, or one for the whole"
    )


class NetAugSettings(Strict):
    """NetAug (Cai et al. 2022): each step also trains a larger network of which this one is the leading channels."""

    width: Factors = Field(
        (1.0, 1.8, 2.6), description="factors of the channels between blocks: 1, then larger ones"
    )
    expand: Factors = Field(
        (1.0, 1.6, 2.2, 2.8), description="factors of the blocks' inner channels: 1, then larger ones"
    )
    alpha: Annotated[float, Field(ge=0)] = Field(1.0, description="α, weight of the larger network's loss")
    calibration: Positive = Field(
        16_000,
        description="training images (at most all) from which the running statistics are taken before every evaluation",
    )


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("expected an odd number, so that squares have a centre")
    return size


def _pairs(value: Any) -> Any:
    """Keys and values as sorted pairs, which unlike a dict cannot change."""
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return tuple(tuple(each) for each in value) if isinstance(value, list) else value


class HooksSettings(Strict):
    """A training method of another package, by the hooks of `edgebench.methods.hooks`."""

    name: str = Field(description="`package:name`, as the installed package declares it")
    options: (
        Annotated[
            tuple[tuple[str, float | int | bool | str], ...],
            BeforeValidator(_pairs, json_schema_input_type=dict[str, float | bool | str]),
        ]
        | None
    ) = Field(None, description="what the method may be given; its own values if not")


class DropBlockSettings(Strict):
    """DropBlock (Ghiasi et al. 2018) after the blocks of the last two resolutions."""

    keep: Annotated[float, Field(gt=0, le=1)] = Field(description="probability of keeping a unit")
    size: Annotated[int, Field(gt=0, le=999), AfterValidator(_odd)] = Field(
        description="side of a dropped square, in pixels of the map; odd"
    )
