"""Which module is a block that MobileTL knows: an inverted residual block, or a residual block.

Blocks are found by their structure, not by their class: EdgeBench's, torchvision's, timm's and a user's own
inverted residual blocks all hold the same layers in the same order; a residual block is known by the names
that torchvision gave its layers, which everybody uses. The order of layers is that of registration, which for
such networks is the order of computation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeGuard

from torch import nn

Role = Literal["expand", "depthwise", "project", "first", "second"]

_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
_POOLS = "torch.nn.modules.pooling"
_DROPPING = ("StochasticDepth", "DropPath")
_MOST_LAYERS = 20


@dataclass(frozen=True)
class Slot:
    """Where a layer sits: `parent` has it under `name`."""

    parent: nn.Module
    name: str

    @property
    def module(self) -> nn.Module:
        return self.parent.get_submodule(self.name)

    def replace(self, module: nn.Module | None) -> None:
        setattr(self.parent, self.name, module)


@dataclass(frozen=True)
class Stage:
    """A convolution, its normalisation, and its activation if it has one of its own.

    Attributes:
        role: `expand`, `depthwise`, `project` in an inverted residual block; a residual block's last stage is
            its `project` too, those before it `first` and `second`.
    """

    role: Role
    conv: Slot
    norm: Slot
    act: Slot | None


@dataclass(frozen=True)
class Block:
    """One block of a network.

    Attributes:
        path: its name in the network, empty when it is the whole of it.
        module: the block.
        kind: `inverted` residual block, or `residual` block of ordinary convolutions.
        stages: in the order of computation, without squeeze and excitation and without the shortcut's.
        se: its squeeze and excitation.
    """

    path: str
    module: nn.Module
    kind: Literal["inverted", "residual"]
    stages: tuple[Stage, ...]
    se: Slot | None = None

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.path or type(self.module).__name__

    @property
    def inner(self) -> tuple[Stage, ...]:
        """All stages but the projection."""
        return self.stages[:-1]

    @property
    def shortcut_norms(self) -> list[Slot]:
        """Normalisations on the shortcut of a residual block, where its input is projected."""
        shortcut = getattr(self.module, "downsample", None) if self.kind == "residual" else None
        return [] if shortcut is None else [s for s in leaves_of(shortcut) if isinstance(s.module, _NORMS)]

    @property
    def channels(self) -> tuple[int, int]:
        """Of the input and of the output."""
        return _conv(self.stages[0]).in_channels, _conv(self.stages[-1]).out_channels

    @property
    def stride(self) -> int:
        stride = 1
        for stage in self.stages:
            stride *= _conv(stage).stride[0]
        return stride

    @property
    def shortcut(self) -> bool:
        """Whether the input, projected in some residual blocks, is added to the output.

        As the block says itself (EdgeBench's, torchvision's, timm's), else whenever the shapes agree.
        """
        said = [getattr(self.module, name, None) for name in ("shortcut", "use_res_connect", "has_skip")]
        if any(isinstance(each, bool) for each in said):
            return True in said
        return self.kind == "residual" or (self.stride == 1 and self.channels[0] == self.channels[1])


def is_dropping(layer: nn.Module) -> bool:
    """Whether it is a dropout layer, or stochastic depth."""
    return isinstance(layer, nn.modules.dropout._DropoutNd) or type(layer).__name__ in _DROPPING


def match(module: nn.Module, path: str) -> Block | None:
    """The block that `module` is, under the name `path`; None when it is not built like one."""
    return _inverted(module, path) or _residual(module, path)


def _inverted(module: nn.Module, path: str) -> Block | None:
    leaves = list(leaves_of(module))
    if not leaves or len(leaves) > _MOST_LAYERS:
        return None
    stages: list[Stage] = []
    if is_pointwise(leaves[0].module):
        leaves = _take(leaves, "expand", stages)
    if not leaves or not is_depthwise(leaves[0].module):
        return None
    leaves = _take(leaves, "depthwise", stages)
    between, rest = leaves[:-2], leaves[-2:]
    if len(rest) < 2 or not is_pointwise(rest[0].module) or _take(rest, "project", stages):
        return None
    se = _container(module, between) if between else None
    if [stage.role for stage in stages][-2:] != ["depthwise", "project"] or (between and se is None):
        return None
    return Block(path, module, "inverted", tuple(stages), se)


def _take(leaves: list[Slot], role: Role, stages: list[Stage]) -> list[Slot]:
    """Take a stage from the front; what is left, or everything when it does not begin with one."""
    if len(leaves) < 2 or not isinstance(leaves[1].module, _NORMS):
        return leaves
    act = leaves[2] if len(leaves) > 2 and _is_activation(leaves[2].module) else None
    stages.append(Stage(role, leaves[0], leaves[1], act))
    return leaves[2:] if act is None else leaves[3:]


def leaves_of(module: nn.Module) -> Iterator[Slot]:
    """Layers in order of registration; a normalisation with an activation inside counts as both."""
    for name, child in module.named_children():
        # These compute nothing, or nothing in evaluation; they lie between the layers that a block is known by.
        if isinstance(child, nn.Identity) or is_dropping(child):
            continue
        if isinstance(child, _NORMS) or not any(True for _ in child.children()):
            yield Slot(module, name)
        yield from leaves_of(child)


def is_pointwise(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is an ordinary 1×1 convolution."""
    return isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1


def is_depthwise(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether it is a convolution of every channel by itself."""
    return isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels == module.out_channels


def _is_activation(module: nn.Module) -> bool:
    weighs = any(True for _ in module.parameters()) and not isinstance(module, nn.PReLU)
    return not weighs and type(module).__module__ != _POOLS


def _container(block: nn.Module, leaves: list[Slot]) -> Slot | None:
    """The module inside `block` that holds exactly these layers, two of them with weights."""
    if sum(isinstance(leaf.module, nn.Conv2d | nn.Linear) for leaf in leaves) != 2:
        return None
    for parent in block.modules():
        for name, child in parent.named_children():
            if [leaf.module for leaf in leaves_of(child)] == [leaf.module for leaf in leaves]:
                return Slot(parent, name)
    return None


def _residual(module: nn.Module, path: str) -> Block | None:
    """torchvision's BasicBlock and Bottleneck, and blocks with the same names of layers (timm's)."""
    count = sum(isinstance(getattr(module, f"conv{i}", None), nn.Conv2d) for i in (1, 2, 3))
    acts = [name for name in ("relu", "act1") if isinstance(getattr(module, name, None), nn.Module)]
    if count < 2 or not acts or not hasattr(module, "downsample"):
        return None
    roles: tuple[Role, ...] = ("first", "project") if count == 2 else ("first", "second", "project")
    stages = []
    for i, role in enumerate(roles, 1):
        if not isinstance(getattr(module, f"bn{i}", None), _NORMS):
            return None
        # torchvision has one ReLU for all, the one after the addition included.
        act = None if role == "project" else Slot(module, f"act{i}" if acts == ["act1"] else "relu")
        stages.append(Stage(role, Slot(module, f"conv{i}"), Slot(module, f"bn{i}"), act))
    return Block(path, module, "residual", tuple(stages))


def _conv(stage: Stage) -> nn.Conv2d:
    conv = stage.conv.module
    assert isinstance(conv, nn.Conv2d)
    return conv


def kinds(module: nn.Module) -> str:
    """The layers of `module`, for messages."""
    return ", ".join(type(leaf.module).__name__ for leaf in leaves_of(module))
