"""What a network consists of, for methods that treat its parts differently: stem, blocks, mix, classifier.

The order of blocks is that of registration, which for such networks is the order of computation.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from torch import nn

from edgebench.errors import ModelError
from edgebench.methods.matching import Block, is_dropping, kinds, match

_BLOCK_NAMES = re.compile(r"InvertedResidual|MBConv|DepthwiseSeparable|BasicBlock|Bottleneck")
_HEADS = ("classifier", "fc", "head")


@dataclass(frozen=True)
class Anatomy:
    """The parts of a network, as they are now; take a new one after layers were replaced.

    Attributes:
        blocks: from the input to the output.
        unmatched: path and reason of what is called like a block, or is of the class of one, but is not built like
            one, by the number of blocks before it.
        stem: what is registered before the first block and has parameters.
        mix: what lies between the last block and the classifier and has parameters: the feature-mix layer.
        classifier: the layers after pooling, as far as the network keeps them together.
        dropouts: dropout layers between the last block and the classifier.
        sequence: modules whose composition is the network; None when it is not known to be one.

    Several modules that make up `stem` or `mix` are put in a new `nn.Sequential`, which is no part of the
    network and may not compute what the network computes.
    """

    blocks: list[Block]
    unmatched: list[tuple[int, str, str]]
    stem: nn.Module | None
    mix: nn.Module | None
    classifier: nn.Module | None
    dropouts: list[nn.Module]
    sequence: list[nn.Module] | None


def anatomy(model: nn.Module) -> Anatomy:
    """Find the parts of `model`; whatever it does not have is missing, nothing is an error."""
    blocks: list[Block] = []
    unmatched: list[tuple[int, str, str]] = []
    _find(model, "", blocks, unmatched)
    if classes := frozenset(type(b.module) for b in blocks) - {nn.Sequential, nn.ModuleList, nn.ModuleDict}:
        # Again: of a class that has blocks, others may not be built like one, whatever the class is called.
        blocks, unmatched = [], []
        _find(model, "", blocks, unmatched, classes)
    head = _classifier(model)
    before = _beside(model, blocks[0].path, after=False) if blocks else []
    after = _beside(model, blocks[-1].path, after=True) if blocks else list(model.children())
    mix = [m for m in after if m is not head and blocks]
    dropouts = [m for m in after if is_dropping(m)]
    return Anatomy(blocks, unmatched, _joined(before), _joined(mix), head, dropouts, _sequence(model))


def trained_parts(found: Anatomy, model: nn.Module, blocks: list[Block]) -> list[nn.Module]:
    """What trains where the last blocks (those of `last_blocks`) do: these, all between and after, the classifier."""
    after = _beside(model, blocks[0].path, after=True)
    return [blocks[0].module, *after, *top_parts(found)]


def top_parts(found: Anatomy) -> list[nn.Module]:
    """What comes after the blocks and trains with them: the mix layer and the classifier, with its dropout."""
    parts = (found.mix, found.classifier, *found.dropouts)
    return [part for part in parts if part is not None]


def last_blocks(found: Anatomy, model: nn.Module, count: int | None, *, method: str) -> list[Block]:
    """The `count` blocks next to the output, or all.

    Raises:
        ModelError: there are fewer, or none, or none are wanted; or among them is one that is built unlike any
            block known here.
    """
    blocks = found.blocks
    if count is not None and count < 1:
        raise ModelError(
            f"{count} blocks are to be trained",
            expected="at least 1; with none, strategy 'ft-last' trains the classifier",
        )
    if not blocks and not found.unmatched:
        raise ModelError(
            f"no inverted residual block and no residual block that {method} could work on in {type(model).__name__}; "
            f"it is built from {_composition(model)}",
            expected="[1×1 convolution, BatchNorm2d, activation,] depthwise convolution, BatchNorm2d, "
            "activation, [squeeze and excitation,] 1×1 convolution, BatchNorm2d; or torchvision's residual block",
        )
    first = 0 if count is None else len(blocks) - count
    everything = count is None or not blocks
    if refused := [each for each in found.unmatched if everything or each[0] > first]:
        known = f"{len(blocks)} ({listed([b.name for b in blocks])})" if blocks else "none"
        reasons = [f"{path or 'the model'} ({why})" for _, path, why in refused]
        raise ModelError(
            f"not built like a block that {method} could work on: {listed(reasons, '; ')}",
            expected=f"[1×1 convolution, BatchNorm2d, activation,] depthwise convolution, … as in those found: {known}",
            where=type(model).__name__,
        )
    if first < 0:
        raise ModelError(
            f"{count} blocks are to be trained, and {type(model).__name__} has {len(blocks)}",
            expected=f"at most {len(blocks)}: {listed([block.name for block in blocks])}",
        )
    return blocks[first:]


def _find(
    module: nn.Module,
    path: str,
    blocks: list[Block],
    unmatched: list[tuple[int, str, str]],
    classes: frozenset[type[nn.Module]] = frozenset(),
) -> None:
    """`classes`: known to have blocks, besides those that are called like one."""
    if not (type(module) is nn.Sequential and any(match(child, "") for child in module.children())):
        if (block := match(module, path)) is not None:
            blocks.append(block)
            return
        called = type(module) in classes or _BLOCK_NAMES.search(type(module).__name__)
        if called and any(True for _ in module.children()):
            unmatched.append((len(blocks), path, f"{type(module).__name__} of {kinds(module)}"))
            return
    for name, child in module.named_children():
        _find(child, f"{path}.{name}" if path else name, blocks, unmatched, classes)


def _classifier(model: nn.Module) -> nn.Module | None:
    for name in _HEADS:
        head = getattr(model, name, None)
        if isinstance(head, nn.Module) and any(isinstance(m, nn.Linear) for m in head.modules()):
            return head
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    return linear[-1] if linear else None


def _beside(model: nn.Module, path: str, *, after: bool) -> list[nn.Module]:
    """What is registered before or after `path`, at every level of the network."""
    found: list[nn.Module] = []
    parts = path.split(".") if path else []
    for depth, part in enumerate(parts):
        parent = model.get_submodule(".".join(parts[:depth]))
        names = [name for name, _ in parent.named_children()]
        at = names.index(part)
        level = [parent.get_submodule(name) for name in (names[at + 1 :] if after else names[:at])]
        found = level + found if after else found + level
    return found


def _joined(modules: list[nn.Module]) -> nn.Module | None:
    """Those with parameters."""
    modules = [module for module in modules if any(True for _ in module.parameters())]
    if len(modules) < 2:
        return modules[0] if modules else None
    return nn.Sequential(*modules)


def _sequence(model: nn.Module) -> list[nn.Module] | None:
    if type(model) is nn.Sequential:
        return list(model)
    home, flatten = type(model).__module__, nn.Flatten(1)
    ours = home.startswith("edgebench.models.")
    names = {name for name, _ in model.named_children()}
    if ours and {"stem", "blocks", "pool", "dropout", "classifier"} <= names:
        mix = [model.get_submodule("mix")] if "mix" in names else []
        hidden = [model.get_submodule("hidden")] if "hidden" in names else []
        first, pool, *top = (model.get_submodule(n) for n in ("stem", "pool", "dropout", "classifier"))
        return [first, *model.get_submodule("blocks").children(), *mix, pool, flatten, *hidden, *top]
    if home in ("torchvision.models.mobilenetv2", "torchvision.models.mobilenetv3"):
        pool = model.get_submodule("avgpool") if "avgpool" in names else nn.AdaptiveAvgPool2d(1)
        features = model.get_submodule("features").children()
        return [*features, pool, flatten, *model.get_submodule("classifier").children()]
    if (ours or home == "torchvision.models.resnet") and {"conv1", "bn1", "relu", "layer1", "fc"} <= names:
        stem = [model.get_submodule(n) for n in ("conv1", "bn1", "relu", "maxpool") if n in names]
        layers = [
            m for n in sorted(names) if n.startswith("layer") for m in model.get_submodule(n).children()
        ]
        fc = model.get_submodule("fc")
        head = list(fc.children()) if type(fc) is nn.Sequential else [fc]
        if "dropout" in names:
            head.insert(0, model.get_submodule("dropout"))
        return [nn.Sequential(*stem), *layers, model.get_submodule("avgpool"), flatten, *head]
    return None


def listed(items: list[str], separator: str = ", ") -> str:
    """The items for a message; of many, the first and the last."""
    return separator.join(items if len(items) <= 6 else [*items[:3], "…", items[-1]])


def _composition(module: nn.Module) -> str:
    """Which modules with children a network has, most frequent first; its leaves if it has none."""
    composites = Counter(type(m).__name__ for m in module.modules() if any(m.children()) and m is not module)
    if not composites:
        composites = Counter(type(m).__name__ for m in module.modules())
    return ", ".join(f"{name} ×{count}" for name, count in composites.most_common(6))
