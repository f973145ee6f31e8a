"""MobileTL (Chiang et al., AAAI 2023): blocks that keep far less for backward, next to the output alone.

In every trained inverted residual block, the normalisations after the expansion and the depthwise convolution
train their shift only (`shift_only`), and the activations that follow them use the signed backward (`signed`);
the two are one layer (`fused`). Convolutions, squeeze and excitation, and the projection's normalisation train
as usual. A residual block of ordinary convolutions (Figure 7) is treated alike: all its normalisations but the
last train their shift only. Blocks further from the output are frozen.

    from edgebench.methods.mobiletl import convert

    model = convert(model, blocks=3)
    optimiser = torch.optim.Adam(p for p in model.parameters() if p.requires_grad)
"""

from __future__ import annotations

from torch import nn

from edgebench.claim.settings import Norms
from edgebench.errors import ModelError, SettingsError, did_you_mean
from edgebench.methods.anatomy import Anatomy, anatomy, last_blocks, listed, trained_parts
from edgebench.methods.freezing import (
    FrozenBatchNorm2d,
    Quantised,
    check_statistics,
    freeze,
    stored_statistics,
)
from edgebench.methods.fused import ShiftOnlyActivation
from edgebench.methods.matching import Block, Slot, Stage
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SIGNED, SignedActivation

# The stages whose normalisation trains in full, scale and batch statistics too (Figure 6).
_FULL: dict[Norms, tuple[str, ...]] = {
    "proj-bn": ("project",),
    "exp-bn": ("expand",),
    "dw-bn": ("depthwise",),
    "all-bn": ("expand", "depthwise", "project", "first", "second"),
    "all-bn-shift": (),
}


def convert(module: nn.Module, blocks: int | None = None, norms: Norms = "proj-bn") -> nn.Module:
    """Apply MobileTL to a network, and return it.

    Works in place: parameters and statistics stay the same objects under the same names, so an optimiser made
    before still holds them; what you froze in the trained part stays frozen. Converting again changes nothing; for
    fewer blocks, it freezes the others. Network parts are found by `anatomy`. A `module`
    that is itself a ReLU, ReLU6 or Hard-Swish comes back as a new signed layer, for measuring one activation
    alone.

    Args:
        module: a network of inverted residual or residual blocks: EdgeBench's, torchvision's or timm's, or
            one's own.
        blocks: how many blocks next to the output train, with everything after them; the rest is frozen, in
            training mode too. Not given, all blocks are converted and nothing else changes.
        norms: which normalisations of these blocks train in full, the others their shift on stored statistics:
            after the projection (the method's own), the expansion, the depthwise convolution, all, or none. That in a
            residual block's shortcut trains in full, but for `all-bn-shift`.

    Raises:
        SettingsError: no choice of normalisations is called `norms`.
        ModelError: no such block, fewer blocks than `blocks`, one that MobileTL has no form for, or one whose
            normalisations an earlier conversion took from training. Nothing was changed then.
    """
    if norms not in _FULL:
        raise SettingsError(
            f"no choice of normalisations is called '{norms}'",
            expected=f"one of {', '.join(_FULL)}",
            hint=did_you_mean(norms, _FULL),
        )
    if type(module) in SIGNED:
        return SIGNED[type(module)]()
    if isinstance(module, SignedActivation):
        return module
    found = anatomy(module)
    chosen = last_blocks(found, module, blocks, method="MobileTL")
    check_blocks(found, chosen, norms)
    if blocks is not None:
        freeze(module, keep=trained_parts(found, module, chosen))
    for block in chosen:
        convert_block(block, norms)
    return module


def check_blocks(found: Anatomy, blocks: list[Block], norms: Norms, *, relu: bool = False) -> None:
    """Accept the blocks for conversion.

    Args:
        relu: all their activations will have become ReLU before.

    Raises:
        ModelError: names the blocks found, and those that cannot be converted with the reason.
    """
    reasons = {block.name: _problem(block, norms, relu=relu) for block in found.blocks}
    problems = {block.name: reasons[block.name] for block in blocks if reasons[block.name] is not None}
    if problems:
        others = [name for name, reason in reasons.items() if reason is None]
        refused = listed([f"{name}: {problem}" for name, problem in problems.items()], "; ")
        raise ModelError(
            refused,
            expected=f"BatchNorm2d, then one of {', '.join(k.__name__ for k in SIGNED)}",
            hint=f"convertible blocks found: {listed(others) or 'none'}; nothing was changed",
        )


def _problem(block: Block, norms: Norms, *, relu: bool) -> str | None:
    for stage in block.inner:
        norm, act = stage.norm.module, stage.act.module if stage.act is not None else None
        if isinstance(norm, ShiftOnlyActivation):
            continue
        known_act = type(act) in SIGNED or isinstance(act, SignedActivation) or (relu and act is not None)
        if not isinstance(norm, nn.BatchNorm2d) or not known_act:
            found = type(act).__name__ if act is not None else "no activation of its own"
            return f"an inner stage ends in {type(norm).__name__} and {found}"
    for stage in block.stages:
        layers = (stage.conv.module, stage.norm.module)
        if any(isinstance(layer, FrozenBatchNorm2d | Quantised) for layer in layers):
            return "the block was frozen before"
    if block.kind == "residual" and norms in ("exp-bn", "dw-bn"):
        return f"a block of ordinary convolutions has no normalisation called '{norms}'"
    last = block.stages[-1].norm.module
    if not isinstance(last, nn.BatchNorm2d):
        return f"its projection ends in {type(last).__name__}"
    for stage in block.stages:
        if stage.role in _FULL[norms] and isinstance(stage.norm.module, ShiftOnlyBatchNorm2d):
            return (
                f"converted before, with a normalisation that '{norms}' trains in full keeping its statistics"
            )
    try:
        for slot in _shift_only(block, norms):
            check_statistics(slot.module, slot.name)
    except ModelError as error:
        return error.found
    return None


def _shift_only(block: Block, norms: Norms) -> list[Slot]:
    """Normalisations whose shift alone will train."""
    slots = [stage.norm for stage in block.stages if stage.role not in _FULL[norms]]
    return slots + (block.shortcut_norms if not _FULL[norms] else [])


def convert_block(block: Block, norms: Norms) -> None:
    """Give the normalisations and activations of a block, which `check_blocks` accepted, MobileTL's form."""
    for stage in block.stages:
        _convert_stage(stage, full=stage.role in _FULL[norms], fuse=_in_a_row(stage))
    if not _FULL[norms]:
        for slot in block.shortcut_norms:
            slot.replace(stored_statistics(slot.module, shift=True, where=slot.name))


def _in_a_row(stage: Stage) -> bool:
    """Whether the activation is known to follow the normalisation at once, and to serve nothing else there.

    In a `forward` of the block's own, more may lie between the two, or the activation may serve another stage
    too, as in torchvision's residual blocks: there they stay apart.
    """
    if stage.act is None:
        return False
    if stage.act.parent is stage.norm.module:
        return True
    parent = stage.norm.parent
    row = isinstance(parent, nn.Sequential) and type(parent).forward is nn.Sequential.forward
    names = [name for name, _ in parent.named_children()]
    follows = names[names.index(stage.norm.name) + 1 :][:1] == [stage.act.name]
    return row and stage.act.parent is parent and follows


def _convert_stage(stage: Stage, *, full: bool, fuse: bool) -> None:
    norm = stage.norm.module
    signed = SIGNED.get(type(stage.act.module)) if stage.act is not None else None
    if stage.act is not None and signed is not None:
        # Before the normalisation: timm's contain their activation, and take it along.
        stage.act.replace(nn.Identity() if fuse and not full else signed())
    if isinstance(norm, nn.BatchNorm2d) and signed is not None and fuse and not full:
        stage.norm.replace(ShiftOnlyActivation.fuse(norm, signed))
    elif not full:
        stage.norm.replace(stored_statistics(norm, shift=True, where=stage.norm.name))
