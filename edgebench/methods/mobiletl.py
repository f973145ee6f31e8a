"""MobileTL (Chiang et al., AAAI 2023): inverted residual blocks that keep far less for backward.

In every inverted residual block, the normalisations after the expansion and the depthwise convolution train
their shift only (`shift_only`), and the activations that follow them use the signed backward (`signed`).
Convolutions, squeeze and excitation, and the projection's normalisation stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from torch import nn

from edgebench.errors import ModelError
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SIGNED, SignedActivation
from edgebench.models.irb import InvertedResidual


def convert(module: nn.Module) -> nn.Module:
    """Apply MobileTL's operators to every inverted residual block inside `module`, and return the module.

    Works in place: parameters and statistics stay the same objects, so an optimiser made before still holds
    them; the scales of inner normalisations no longer require gradients. Converting twice changes nothing. A
    `module` that is itself a ReLU, ReLU6 or Hard-Swish comes back as a new signed layer, for measuring one
    activation alone.

    Raises:
        ModelError: there is no inverted residual block that this function knows (EdgeBench's, torchvision's
            MobileNetV2 and V3), or one of its inner layers has no MobileTL form.
    """
    if type(module) in SIGNED:
        return SIGNED[type(module)]()
    if isinstance(module, SignedActivation):
        return module
    blocks = [
        (path or type(block).__name__, stages)
        for path, block in module.named_modules()
        if (stages := _inner_stages(block)) is not None
    ]
    if not blocks:
        raise ModelError(
            f"no inverted residual block that MobileTL could convert in {type(module).__name__}; "
            f"it is built from {_composition(module)}",
            expected="blocks of EdgeBench, or of torchvision's MobileNetV2 or MobileNetV3",
        )
    # All are checked before any is changed: a refused network is left as it was.
    for path, stages in blocks:
        for stage, norm, act in stages:
            _check_stage(stage.get_submodule(norm), stage.get_submodule(act), where=path)
    for _, stages in blocks:
        for stage, norm, act in stages:
            _convert_stage(stage, norm, act)
    return module


def _inner_stages(block: nn.Module) -> list[tuple[nn.Module, str, str]] | None:
    """Per inner stage: it, the names of its normalisation and activation. None: not a known block."""
    if isinstance(block, InvertedResidual):
        return [(stage, "bn", "act") for stage in (block.expand, block.depthwise) if stage is not None]
    kind = type(block)
    # By name, so that torchvision need not be imported, or installed, to convert a network of our own.
    if kind.__name__ == "InvertedResidual" and kind.__module__ in (
        "torchvision.models.mobilenetv2",
        "torchvision.models.mobilenetv3",
    ):
        body = block.get_submodule("conv" if kind.__module__.endswith("v2") else "block")
        return list(_torchvision_stages(body))
    return None


def _torchvision_stages(body: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    # Inner stages are Conv2dNormActivation (convolution, normalisation, activation); the projection has no
    # activation.
    for stage in body.children():
        if type(stage).__name__ == "Conv2dNormActivation" and len(list(stage.children())) == 3:
            yield stage, "1", "2"


def _check_stage(norm: nn.Module, act: nn.Module, *, where: str) -> None:
    known_act = type(act) in SIGNED or isinstance(act, SignedActivation)
    if not isinstance(norm, nn.BatchNorm2d) or not known_act:
        raise ModelError(
            f"an inner stage ends in {type(norm).__name__} and {type(act).__name__}",
            expected=f"BatchNorm2d, then one of {', '.join(k.__name__ for k in SIGNED)}",
            where=where,
        )


def _convert_stage(stage: nn.Module, norm_name: str, act_name: str) -> None:
    norm, act = stage.get_submodule(norm_name), stage.get_submodule(act_name)
    if isinstance(norm, nn.BatchNorm2d) and not isinstance(norm, ShiftOnlyBatchNorm2d):
        setattr(stage, norm_name, ShiftOnlyBatchNorm2d.from_batch_norm(norm))
    if type(act) in SIGNED:
        setattr(stage, act_name, SIGNED[type(act)]())


def _composition(module: nn.Module) -> str:
    """Which modules with children a network has, most frequent first; its leaves if it has none."""
    composites = Counter(type(m).__name__ for m in module.modules() if any(m.children()) and m is not module)
    if not composites:
        composites = Counter(type(m).__name__ for m in module.modules())
    return ", ".join(f"{name} ×{count}" for name, count in composites.most_common(6))
