"""How large each layer of an augmented network is: dimensions that tensors share, and the dials that set them.

NetAug (Cai et al., ICLR 2022, section 3.2, figure 2) augments a network by two dials. The width multiplies the
channels between blocks; the expand ratio multiplies a block's own ratio of inner channels to its input's. The two
multiply: a block's inner channels are its active input times its ratio times the factor. All numbers are rounded to
whole channels, never to multiples of 8, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from edgebench.claim.fields import rising
from edgebench.errors import SettingsError


@dataclass(eq=False)
class Channels:
    """A dimension that several tensors share; every layer that has it uses its first `active` channels.

    Attributes:
        name: path of the layer whose output it is.
        base: channels of the network that was given.
        largest: channels that are stored.
        ranked_by: path of the layer whose input weights say how important each channel is; None where channels keep
            their order.
        active: channels in use now.
    """

    name: str
    base: int
    largest: int
    ranked_by: str | None = None
    active: int = field(init=False)

    def __post_init__(self) -> None:
        self.active = self.base


@dataclass(frozen=True, eq=False)
class Width:
    """Multiplies the channels between blocks.

    Attributes:
        channels: what it sets.
        factors: to choose from, the first is 1.
    """

    channels: Channels
    factors: tuple[float, ...]

    def turn(self, factor: float) -> None:
        self.channels.active = whole(self.channels.base * factor)


@dataclass(frozen=True, eq=False)
class Expansion:
    """Multiplies a block's ratio of inner channels to those of `source`.

    Attributes:
        channels: the block's inner dimensions, one or two.
        source: the block's input; in a residual block its output, to which a bottleneck's ratio refers.
        factors: to choose from, the first is 1.
    """

    channels: tuple[Channels, ...]
    source: Channels
    factors: tuple[float, ...]

    def turn(self, factor: float) -> None:
        """Needs the source to be set before."""
        for channels in self.channels:
            channels.active = proportional(self.source.active, channels.base, self.source.base, factor)


@dataclass(frozen=True)
class Sample:
    """One sub-network: the factor of each dial, in the order of `Dials.widths` and `Dials.expansions`."""

    widths: tuple[float, ...]
    expansions: tuple[float, ...]


@dataclass(eq=False)
class Dials:
    """All dials of a network.

    Attributes:
        widths: of stem, of each block without an identity shortcut, of mix and hidden head layers.
        expansions: of each block with inner channels of its own.
        reductions: bottlenecks of squeeze and excitation; their single factor 1 keeps the base's ratio to the active
            inner channels.
        channels: every dimension.
    """

    widths: list[Width] = field(default_factory=list)
    expansions: list[Expansion] = field(default_factory=list)
    reductions: list[Expansion] = field(default_factory=list)
    channels: list[Channels] = field(default_factory=list)

    def base(self) -> Sample:
        """The network that was given."""
        return self._each(lambda factors: factors[0])

    def largest(self) -> Sample:
        """The network with all stored channels."""
        return self._each(lambda factors: factors[-1])

    def draw(self, generator: torch.Generator | None, *, widths: bool = True) -> Sample:
        """A sub-network, every factor drawn uniformly and independently of the others.

        Args:
            generator: on the CPU; torch's own if not given. Replicas that train one network need equal ones.
            widths: False keeps all widths at 1, as in the second half of a training.
        """

        def drawn(factors: tuple[float, ...]) -> float:
            return factors[int(torch.randint(len(factors), (), generator=generator))]

        chosen = tuple(drawn(dial.factors) for dial in self.widths) if widths else self.base().widths
        return Sample(chosen, tuple(drawn(dial.factors) for dial in self.expansions))

    def turn(self, sample: Sample) -> None:
        """Make this sub-network the active one."""
        for width, factor in zip(self.widths, sample.widths, strict=True):
            width.turn(factor)
        for expansion, factor in zip(self.expansions, sample.expansions, strict=True):
            expansion.turn(factor)
        for reduction in self.reductions:
            reduction.turn(1.0)

    @property
    def at_base(self) -> bool:
        """Whether the active sub-network is the base."""
        return all(channels.active == channels.base for channels in self.channels)

    def _each(self, choose: Callable[[tuple[float, ...]], float]) -> Sample:
        return Sample(
            tuple(choose(dial.factors) for dial in self.widths),
            tuple(choose(dial.factors) for dial in self.expansions),
        )


def whole(channels: float) -> int:
    """The nearest whole number, halves up."""
    return int(channels + 0.5)


def proportional(source: int, base: int, source_base: int, factor: float) -> int:
    """Inner channels for `source` channels, where `source_base` have `base`, times `factor`."""
    return whole(source * base / source_base * factor)


def checked(name: str, factors: tuple[float, ...]) -> tuple[float, ...]:
    """The factors of one kind of dial.

    Raises:
        SettingsError: they are not 1 followed by larger and larger numbers.
    """
    if not rising(factors):
        raise SettingsError(
            f"{name} is {list(factors)}", expected="1, then larger and larger factors, as in [1, 1.8, 2.6]"
        )
    return tuple(float(factor) for factor in factors)
