"""Fine-tuning strategies: which part of a network trains, and how; one transformation of any model.

The names are those of MobileTL's Table 3: FT-All, FT-Last, FT-BN, FT-Bias and FT-kBLKs, TinyTL (Cai et al. 2020)
and MobileTL itself. What does not train is frozen for good (`freezing`), whatever `train()` says later.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from edgebench.claim.settings import MethodSettings
from edgebench.errors import EdgebenchError, ModelError
from edgebench.methods import mobiletl, options
from edgebench.methods.anatomy import Anatomy, anatomy, last_blocks, top_parts, trained_parts
from edgebench.methods.freezing import (
    Quantised,
    check_freezable,
    check_statistics,
    freeze,
    stored_statistics,
)
from edgebench.methods.lite_residual import LiteResidual, Patched, kernel_for
from edgebench.methods.matching import Block, is_dropping
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d
from edgebench.methods.signed import SIGNED, SignedActivation
from edgebench.methods.substitutes import substitute

_PATCH_KERNEL = 3


def apply(model: nn.Module, settings: MethodSettings, *, size: tuple[int, int] | None = None) -> nn.Module:
    """Make `model` train as the strategy says, and return it: in place, but where the model itself is one layer.

    Every parameter's `requires_grad` says afterwards whether it trains. Load weights before: layers keep their
    names in the state dict, except that a patched block's move under `main`, and that 8-bit weights come with
    a `weight_scale`.

    Args:
        model: a network with the parts that the strategy speaks of.
        settings: the strategy and its options.
        size: height and width of the images, from which `tinytl-l` and `tinytl-l-b` choose their kernels.

    Raises:
        SettingsError: an option that the strategy does not have.
        ModelError: the model lacks a part, has too few blocks, contains a layer that cannot be treated so, or
            was given to a strategy before. Nothing was changed then.
    """
    options.check(settings)
    converted = (ShiftOnlyBatchNorm2d, SignedActivation, Quantised, Patched)
    if found := next((m for m in model.modules() if isinstance(m, converted)), None):
        raise ModelError(
            f"a strategy was applied to this {type(model).__name__} before: it contains {type(found).__name__}",
            expected="a freshly built network",
        )
    if settings.name == "mobiletl" and type(model) in SIGNED:
        return mobiletl.convert(model)
    flags = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.requires_grad_(True)
    try:
        return _STRATEGIES[settings.name](model, settings, size)
    except EdgebenchError:
        for parameter, flag in flags.items():
            parameter.requires_grad_(flag)
        raise


def frozen_prefix(model: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """The part below the first layer that trains, and the rest; the rest of the prefix is `model`, bit for bit.

    The prefix has no parameter that trains and computes the same in training mode as in evaluation mode, so
    that its outputs may be computed once. Both share their layers with `model`. None: nothing is frozen below
    the first trained layer, or the order of computation is not known (`Anatomy.sequence`).
    """
    sequence = anatomy(model).sequence
    if sequence is None:
        return None
    length = next((i for i, module in enumerate(sequence) if not _is_fixed(module)), len(sequence))
    if length == 0:
        return None
    return nn.Sequential(*sequence[:length]), nn.Sequential(*sequence[length:])


def explain(error: ValueError) -> ModelError | None:
    """What torch's complaint about batch statistics of one value means; None for any other error."""
    if "Expected more than 1 value per channel" not in str(error):
        return None
    return ModelError(
        "a normalisation with batch statistics sees one value per channel: a batch of 1 whose map is one pixel",
        expected="batches of 2 and more, or a strategy whose normalisations all keep their statistics "
        "(ft-last, ft-bias; mobiletl with norms: all-bn-shift where no mix layer trains)",
        hint=f"torch said: {error}",
    )


def _all(model: nn.Module, settings: MethodSettings, size: tuple[int, int] | None) -> nn.Module:
    return model


def _last(model: nn.Module, settings: MethodSettings, size: tuple[int, int] | None) -> nn.Module:
    freeze(model, keep=_head(anatomy(model), model), bits=settings.frozen_bits)
    return model


def _norms(model: nn.Module, settings: MethodSettings, size: tuple[int, int] | None) -> nn.Module:
    head = _head(anatomy(model), model)
    freeze(model, keep=[*head, *_batch_norms(model, head)], bits=settings.frozen_bits)
    return model


def _shifts(model: nn.Module, settings: MethodSettings, size: tuple[int, int] | None) -> nn.Module:
    head = _head(anatomy(model), model)
    norms = set(_batch_norms(model, head))
    check_freezable(model, keep=[*head, *norms], bits=settings.frozen_bits)
    for path, module in model.named_modules():
        if module in norms:
            check_statistics(module, path)
    shifting: list[nn.Module] = []
    for path, parent in model.named_modules():
        for name, child in parent.named_children():
            if child in norms:
                layer = stored_statistics(child, shift=True, where=f"{path}.{name}" if path else name)
                setattr(parent, name, layer)
                shifting.append(layer)
    freeze(model, keep=[*head, *shifting], bits=settings.frozen_bits)
    return model


def _lite(model: nn.Module, settings: MethodSettings, size: tuple[int, int] | None) -> nn.Module:
    shifts = settings.name == "tinytl-l-b"
    blocks = [b for b in anatomy(model).blocks if b.kind == "inverted" and len(b.stages) == 3]
    if not blocks:
        raise ModelError(
            f"no inverted residual block with an expansion to patch in {type(model).__name__}",
            expected="a network of inverted residual blocks",
        )
    if size is None:
        raise ModelError(
            "the kernels of lite residual modules depend on the size of the images",
            expected="height and width",
        )
    maps = _map_sizes(model, blocks, size)
    model = (_shifts if shifts else _last)(model, settings, size)
    for block in blocks:
        model, lite = _patch(model, block, kernel_for(min(maps[block.path])))
        # Beside the block's own shift, which trains too, this one would be the same parameter twice.
        lite.last_norm.bias.requires_grad_(not shifts)
    return model


def _blocks(model: nn.Module, settings: MethodSettings, size: tuple[int, int] | None) -> nn.Module:
    """FT-kBLKs and MobileTL."""
    found = anatomy(model)
    is_mobiletl = settings.name == "mobiletl"
    norms = settings.norms or "proj-bn"
    what = "MobileTL" if is_mobiletl else f"'{settings.name}'"
    chosen = last_blocks(found, model, settings.blocks, method=what)
    if is_mobiletl:
        mobiletl.check_blocks(found, chosen, norms, relu=settings.substitute == "relu")
    if settings.patches and any(block.kind != "inverted" for block in chosen):
        raise ModelError(
            "patches beside blocks of ordinary convolutions", expected="inverted residual blocks"
        )
    frozen = settings.main == "frozen"
    kept = top_parts(found) if frozen else trained_parts(found, model, chosen)
    if settings.blocks is not None:
        check_freezable(model, keep=kept, bits=settings.frozen_bits)
    # All that may be refused is, and first of the changes is the one that refuses before it changes anything.
    if settings.substitute is not None:
        substitute(chosen, settings.substitute)
    if is_mobiletl:
        for block in chosen:
            mobiletl.convert_block(block, norms)
    if settings.blocks is not None:
        freeze(model, keep=kept, bits=settings.frozen_bits)
    if settings.patches:
        for block in chosen:
            model, _ = _patch(model, block, _PATCH_KERNEL)
    return model


_STRATEGIES: dict[str, Callable[[nn.Module, MethodSettings, tuple[int, int] | None], nn.Module]] = {
    "ft-all": _all,
    "ft-last": _last,
    "ft-bn": _norms,
    "ft-bias": _shifts,
    "ft-blocks": _blocks,
    "mobiletl": _blocks,
    "tinytl-b": _shifts,
    "tinytl-l": _lite,
    "tinytl-l-b": _lite,
}


def _head(found: Anatomy, model: nn.Module) -> list[nn.Module]:
    if found.classifier is None:
        raise ModelError(f"no classifier in {type(model).__name__}", expected="a linear layer at its end")
    return [found.classifier, *found.dropouts]


def _batch_norms(model: nn.Module, head: list[nn.Module]) -> list[nn.Module]:
    outside = {module for part in head for module in part.modules()}
    norms: list[nn.Module] = [
        m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m not in outside
    ]
    if not norms:
        raise ModelError(f"no BatchNorm2d in {type(model).__name__}", expected="normalisations to train")
    return norms


def _map_sizes(model: nn.Module, blocks: list[Block], size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Height and width of every block's input, from one image of zeros."""
    sizes: dict[str, tuple[int, int]] = {}

    def hook(path: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            sizes[path] = (inputs[0].shape[-2], inputs[0].shape[-1])

        return note

    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    modes = {module: module.training for module in model.modules()}
    hooks = [block.module.register_forward_pre_hook(hook(block.path)) for block in blocks]
    try:
        with torch.no_grad():
            model.eval()(first.weight.new_zeros(1, first.in_channels, *size))
    finally:
        for handle in hooks:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return sizes


def _patch(model: nn.Module, block: Block, kernel: int) -> tuple[nn.Module, LiteResidual]:
    parameter = next(block.module.parameters())
    lite = LiteResidual(*block.channels, kernel=kernel, stride=block.stride).to(parameter)
    lite.train(block.module.training)
    patched = Patched(block.module, lite).train(block.module.training)
    if not block.path:
        return patched, lite
    parent, _, name = block.path.rpartition(".")
    setattr(model.get_submodule(parent), name, patched)
    return model, lite


def _is_fixed(module: nn.Module) -> bool:
    """Whether nothing in it trains or computes differently in training."""
    for each in module.modules():
        batch_statistics = isinstance(each, nn.modules.batchnorm._NormBase) and not isinstance(
            each, ShiftOnlyBatchNorm2d
        )
        # A hook may do anything; DropBlock's act in training alone.
        if batch_statistics or is_dropping(each) or each._forward_hooks:
            return False
    return not any(parameter.requires_grad for parameter in module.parameters())
