"""NetAug: a tiny network trained as part of larger ones (Cai et al., ICLR 2022).

    net = augment(model, width=(1.0, 1.8, 2.6), expand=(1.0, 1.6, 2.2, 2.8))
    for epoch in range(1, epochs + 1):
        net.start_epoch(epoch, epochs)
        for images, labels in batches:
            optimiser.zero_grad()
            loss = net.backward(images, labels, criterion)
            optimiser.step()
        net.recalibrate(some_training_images)  # before every evaluation
    plain = net.export()

Equation 1's loss is L(base) + α L(sampled), both on the same batch, in one step. One set of weights is stored, that of
the largest network; the base and every other sub-network are its leading channels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from edgebench.errors import ModelError, SettingsError
from edgebench.methods.netaug.calibration import recalibrate
from edgebench.methods.netaug.dials import Dials, Sample, checked
from edgebench.methods.netaug.layers import Elastic, elastic
from edgebench.methods.netaug.sorting import sort_channels
from edgebench.methods.netaug.structure import Structure

WIDTH = (1.0, 1.8, 2.6)
EXPAND = (1.0, 1.6, 2.2, 2.8)


def augment(
    model: nn.Module,
    width: Sequence[float] = WIDTH,
    expand: Sequence[float] = EXPAND,
    generator: torch.Generator | None = None,
) -> Augmented:
    """The largest augmented network, with the weights of `model` as its base; the base is active.

    The defaults are the authors' factors for MobileNetV2, MobileNetV2-Tiny and Proxyless (MobileNetV3: width 1, 2, 3;
    MCUNet: width 1, 1.6, 2.2).

    Args:
        model: a covered network (see `structure`), left as it is.
        width: factors of the channels between blocks: 1, then larger ones.
        expand: factors of the blocks' inner channels: 1, then larger ones.
        generator: on the CPU, for the weights that `model` does not have; torch's own if not given.

    Raises:
        SettingsError: the factors are not 1 and larger ones.
        ModelError: a layer that NetAug does not cover, by its path.
    """
    factors = checked("width", tuple(width)), checked("expand", tuple(expand))
    structure = Structure(model, *factors)
    # A copy that finds the elastic layer wherever the model has the plain one.
    copies: dict[int, object] = {}
    for layer, (inputs, outputs) in structure.layers.items():
        assert isinstance(layer, nn.Conv2d | nn.Linear | nn.BatchNorm2d)
        copies[id(layer)] = elastic(layer, inputs, outputs, generator)
    return Augmented(copy.deepcopy(model, copies), structure.dials)


class Augmented(nn.Module):
    """A network that contains the base and larger networks; made by `augment`.

    It computes with the active sub-network: images [N, C, H, W] to logits [N, classes]. `eval()` activates the base.
    Deep copies, pickles and state dicts are those of any module; its state dict has the largest weights.

    Args:
        network: of elastic layers.
        dials: that set their sizes.

    Attributes:
        widths_vary: whether `sample` draws widths too; `start_epoch` sets it.
        mixed: bool buffer: whether running statistics are of several sub-networks, or of channels in another order.
            The base then refuses to be evaluated and exported until `recalibrate`.
    """

    mixed: Tensor

    def __init__(self, network: nn.Module, dials: Dials) -> None:
        super().__init__()
        self.network = network
        self.dials = dials
        self.widths_vary = True
        self.register_buffer("mixed", torch.zeros((), dtype=torch.bool))
        self.train(network.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.dials.at_base:
            if self.training:
                self.mixed.fill_(True)
        elif not self.training and self.mixed:
            raise _uncalibrated()
        out: Tensor = self.network(x)
        return out

    def train(self, mode: bool = True) -> Augmented:
        if not mode:
            self.activate_base()
        return super().train(mode)

    def activate(self, sample: Sample) -> None:
        """Compute with this sub-network from now on."""
        self.dials.turn(sample)

    def activate_base(self) -> None:
        """Compute with the network that was given."""
        self.dials.turn(self.dials.base())

    def sample(self, generator: torch.Generator | None = None) -> Sample:
        """Draw a sub-network, and compute with it from now on.

        Args:
            generator: on the CPU; torch's own if not given. Replicas that train one network need equal ones.
        """
        sample = self.dials.draw(generator, widths=self.widths_vary)
        self.activate(sample)
        return sample

    def passes(self, alpha: float = 1.0, generator: torch.Generator | None = None) -> Iterator[float]:
        """The sub-networks of one training step, each active in turn: yields the weight of its loss.

        First the base with 1, then a sampled one with `alpha`; with `alpha` 0 the base alone. Afterwards, even when
        the loop is left early, the base is active.

        Raises:
            SettingsError: `alpha` is negative.
        """
        if not alpha >= 0:
            raise SettingsError(f"alpha is {alpha}", expected="0 or more")
        try:
            self.activate_base()
            yield 1.0
            if alpha:
                self.sample(generator)
                yield alpha
        finally:
            self.activate_base()

    def backward(
        self,
        images: Tensor,
        targets: Tensor,
        criterion: Callable[[Tensor, Tensor], Tensor],
        alpha: float = 1.0,
        generator: torch.Generator | None = None,
        scaler: GradScaler | None = None,
    ) -> Tensor:
        """Add the gradients of L(base) + `alpha` L(sampled) to the parameters'; returns L(base), detached.

        Args:
            images: [N, C, H, W].
            targets: what `criterion` compares logits with.
            criterion: of logits [N, classes] and targets.
            alpha: weight of the sampled network's loss.
            generator: as in `sample`.
            scaler: scales each loss before its backward pass.
        """
        losses = []
        for weight in self.passes(alpha, generator):
            loss = criterion(self(images), targets)
            losses.append(loss.detach())
            loss = loss * weight
            (loss if scaler is None else scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
        return losses[0]

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """The two-phase schedule; call it before each epoch, counted from 1.

        In the first half widths and expansions vary, and channels are sorted before each epoch, the first included (so
        a base with trained weights would lose channels to new ones: NetAug is for training from scratch). In the
        last ⌊epochs / 2⌋ epochs widths stay at 1 and the order stays as it is.
        """
        self.widths_vary = epoch <= epochs - epochs // 2
        if self.widths_vary:
            self.sort_channels()

    def sort_channels(self) -> None:
        """The most important inner channels first (see `sorting.sort_channels`)."""
        sort_channels(self.network, self.dials)
        self.mixed.fill_(True)

    def recalibrate(self, batches: Iterable[Tensor]) -> None:
        """Give the active sub-network statistics of its own (see `calibration.recalibrate`)."""
        recalibrate(self.network, batches)
        if self.dials.at_base:
            self.mixed.fill_(False)

    def export(self) -> nn.Module:
        """The base as a plain network, of the class and structure of the model that was given.

        Raises:
            ModelError: its running statistics are a mixture.
        """
        if self.mixed:
            raise _uncalibrated()
        return self.extract(self.dials.base())

    def extract(self, sample: Sample) -> nn.Module:
        """One sub-network as a plain network with weights of its own; which one is active does not change.

        Its statistics are whatever is stored, good for training, counting and timing; see `export` for the base.
        """
        active = [channels.active for channels in self.dials.channels]
        try:
            self.activate(sample)
            copies: dict[int, object] = {
                id(layer): layer.plain() for layer in self.network.modules() if isinstance(layer, Elastic)
            }
            return copy.deepcopy(self.network, copies)
        finally:
            for channels, count in zip(self.dials.channels, active, strict=True):
                channels.active = count


def _uncalibrated() -> ModelError:
    return ModelError(
        "the running statistics are those of several sub-networks, not the base's",
        expected="statistics of the base alone before it is evaluated or exported",
        hint="call recalibrate(batches) with training images",
    )
