"""Which dimensions of a network can grow, and which layers share them.

Covered are networks whose order of computation is known (`Anatomy.sequence`: EdgeBench's and torchvision's mobile and
residual networks, and an `nn.Sequential` of such parts), made of ordinary and depthwise convolutions, batch
normalisation, inverted residual blocks with or without squeeze and excitation, residual blocks, pooling, dropout,
activations and linear layers at the end.

Between blocks, channels belong to the last layer that was free to choose them: a block with an identity shortcut has
its input's. A block's inner channels are its own; without an expansion they are its input's too. In residual blocks the
width is that of each stage, and the inner channels keep their ratio to the block's output.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from edgebench.errors import ModelError
from edgebench.methods.anatomy import anatomy, listed
from edgebench.methods.matching import Block, is_dropping, kinds, leaves_of, match
from edgebench.methods.netaug.dials import Channels, Dials, Expansion, Width, proportional, whole

Layer = nn.Conv2d | nn.Linear | nn.BatchNorm2d

_WITHOUT_WEIGHTS = ("torch.nn.modules.activation", "torch.nn.modules.pooling")
_COVERED = (
    "convolutions (ordinary or depthwise), BatchNorm2d with scale, shift and statistics, linear layers, activations, "
    "pooling, dropout, and (inverted) residual blocks of these"
)


class Structure:
    """The dials of a network, and the input and output dimension of each of its layers with weights.

    Args:
        model: left as it is.
        width: factors of the channels between blocks.
        expand: factors of the blocks' inner channels.

    Attributes:
        dials: set to the base.
        layers: input and output dimension by layer; a normalisation's are one.

    Raises:
        ModelError: a layer is not covered, or the order of computation is not known.
    """

    def __init__(self, model: nn.Module, width: tuple[float, ...], expand: tuple[float, ...]) -> None:
        self.dials = Dials()
        self.layers: dict[nn.Module, tuple[Channels, Channels]] = {}
        self._width, self._expand = width, expand
        self._paths = {module: path for path, module in model.named_modules()}
        self._model = type(model).__name__
        parts = self._parts(model)
        first = next((part for part in parts if isinstance(part, nn.Conv2d)), None)
        if first is None:
            raise ModelError("no convolution before the first block", where=self._model)
        self._last = parts[-1]
        current = self._fixed("", first.in_channels)
        for part in parts:
            current = self._block(part, current) if isinstance(part, Block) else self._layer(part, current)
        self._check_all_covered(model)

    def _parts(self, model: nn.Module) -> list[Block | nn.Module]:
        """Blocks and single layers in the order of computation, the last of them the classifier."""
        sequence = anatomy(model).sequence
        if sequence is None:
            raise ModelError(
                f"the order in which {self._model} computes its layers is not known",
                expected="EdgeBench's mobile and residual networks, torchvision's MobileNetV2, MobileNetV3 and ResNet, "
                "or an nn.Sequential of their parts",
                where=self._model,
            )
        parts = [part for module in sequence for part in self._flat(module)]
        if not any(isinstance(part, Block) for part in parts):
            names = [f"{path} ({type(m).__name__})" for m, path in self._paths.items() if m in parts]
            raise ModelError(
                f"no inverted residual block and no residual block; its layers are {listed(names)}",
                expected="a network of such blocks, whose width and expansion NetAug augments",
                where=self._model,
            )
        weighing = [p for p in parts if isinstance(p, Block) or any(True for _ in p.parameters())]
        if type(weighing[-1]) is not nn.Linear:
            raise ModelError(
                "the last layer with weights is not linear", expected="a classifier", where=self._model
            )
        return parts[: parts.index(weighing[-1]) + 1]

    def _flat(self, module: nn.Module) -> Iterator[Block | nn.Module]:
        children = list(module.children())
        sequential = isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
        holds_blocks = sequential and any(match(child, "") for child in children)
        block = None if holds_blocks else match(module, self._paths.get(module, ""))
        if block is not None:
            yield block
        elif not children:
            yield module
        elif sequential:
            for child in children:
                yield from self._flat(child)
        else:
            raise self._uncovered(module, f" of {kinds(module)}")

    def _layer(self, layer: nn.Module, current: Channels) -> Channels:
        """Of a layer outside the blocks: its output dimension."""
        if layer is self._last:
            return self._weighted(layer, current, self._fixed(self._path(layer), _sizes(layer)[1]))
        if isinstance(layer, nn.Conv2d | nn.Linear):
            depthwise = isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels
            return self._weighted(layer, current, current if depthwise else self._widened(layer))
        if isinstance(layer, nn.BatchNorm2d):
            return self._weighted(layer, current, current)
        return current

    def _block(self, block: Block, inputs: Channels) -> Channels:
        inverted = block.kind == "inverted"
        downsample = getattr(block.module, "downsample", None) if not inverted else None
        identity = block.shortcut and downsample is None
        last = block.stages[-1]
        outputs = inputs if identity else self._widened(last.conv.module)
        # A bottleneck's ratio is to its output: a stage's blocks then agree on their inner channels.
        source = inputs if inverted else outputs
        current, grown = inputs, []
        for stage, following in zip(block.stages, [*block.stages[1:], None], strict=True):
            conv = stage.conv.module
            if following is None:
                produced = outputs
            elif stage.role == "depthwise":
                produced = current
            else:
                ranked_by = last if inverted else following
                produced = self._inner(conv, source, self._expand, self._path(ranked_by.conv.module))
                grown.append(produced)
            self._weighted(conv, current, produced)
            self._weighted(stage.norm.module, produced, produced)
            current = produced
            if stage.role == "depthwise" and block.se is not None:
                self._squeeze(block.se.module, current)
        if grown:
            self.dials.expansions.append(Expansion(tuple(grown), source, self._expand))
        if downsample is not None:
            for slot in leaves_of(downsample):
                if isinstance(slot.module, nn.Conv2d):
                    self._weighted(slot.module, inputs, outputs)
                elif isinstance(slot.module, nn.BatchNorm2d):
                    self._weighted(slot.module, outputs, outputs)
        return outputs

    def _squeeze(self, module: nn.Module, channels: Channels) -> None:
        """Squeeze and excitation: its bottleneck keeps its ratio to the active channels, so never falls below its own.

        (NetAug's MobileNetV3 has a floor of 16 for the base, which this rule then keeps.)
        """
        reduce, restore = (s.module for s in leaves_of(module) if isinstance(s.module, nn.Conv2d | nn.Linear))
        bottleneck = self._inner(reduce, channels, (1.0,), self._path(restore))
        self.dials.reductions.append(Expansion((bottleneck,), channels, (1.0,)))
        self._weighted(reduce, channels, bottleneck)
        self._weighted(restore, bottleneck, channels)

    def _weighted(self, layer: nn.Module, inputs: Channels, outputs: Channels) -> Channels:
        """Note a layer's dimensions, if it is one that can have them; returns the output's."""
        if type(layer) not in (nn.Conv2d, nn.Linear, nn.BatchNorm2d) or layer in self.layers:
            raise self._uncovered(layer)
        if isinstance(layer, nn.Conv2d):
            depthwise = inputs is outputs and 1 < layer.groups == layer.in_channels
            if (layer.groups != 1 and not depthwise) or layer.padding_mode != "zeros":
                raise self._uncovered(layer, f" with groups {layer.groups}, padding '{layer.padding_mode}'")
        if isinstance(layer, nn.BatchNorm2d) and not (layer.affine and layer.track_running_stats):
            raise self._uncovered(layer, " without scale, shift or statistics")
        sizes = _sizes(layer)
        if sizes != (inputs.base, outputs.base):
            raise ModelError(
                f"{type(layer).__name__} has {sizes[0]} inputs and {sizes[1]} outputs",
                expected=f"{inputs.base} and {outputs.base}: the channels before and after it",
                where=self._path(layer),
            )
        self.layers[layer] = (inputs, outputs)
        return outputs

    def _fixed(self, name: str, size: int) -> Channels:
        return self._added(Channels(name, size, size))

    def _widened(self, layer: nn.Module) -> Channels:
        base = _sizes(layer)[1]
        channels = self._added(Channels(self._path(layer), base, whole(base * self._width[-1])))
        self.dials.widths.append(Width(channels, self._width))
        return channels

    def _inner(
        self, layer: nn.Module, source: Channels, factors: tuple[float, ...], ranked_by: str
    ) -> Channels:
        base = _sizes(layer)[1]
        largest = proportional(source.largest, base, source.base, factors[-1])
        return self._added(Channels(self._path(layer), base, largest, ranked_by))

    def _added(self, channels: Channels) -> Channels:
        self.dials.channels.append(channels)
        return channels

    def _check_all_covered(self, model: nn.Module) -> None:
        for module in model.modules():
            if module in self.layers:
                continue
            own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
            known = isinstance(module, nn.Flatten | nn.Identity) or is_dropping(module)
            if own or not (known or any(module.children()) or type(module).__module__ in _WITHOUT_WEIGHTS):
                raise self._uncovered(module)

    def _uncovered(self, module: nn.Module, detail: str = "") -> ModelError:
        return ModelError(
            f"NetAug does not cover {type(module).__name__}{detail} here",
            expected=_COVERED,
            where=self._path(module),
        )

    def _path(self, module: nn.Module) -> str:
        return self._paths.get(module) or self._model


def _sizes(layer: nn.Module) -> tuple[int, int]:
    """Input and output channels."""
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, layer.out_channels
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    assert isinstance(layer, nn.BatchNorm2d)
    return layer.num_features, layer.num_features
