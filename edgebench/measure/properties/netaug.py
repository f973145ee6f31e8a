"""NetAug's sampling, sharing of weights, gradients and export, as in equations 1 and 2 and sections 3.2 and 3.3.

What is checked is what trainings train with: `passes`, `backward`, `recalibrate` and `export` of an augmented network.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgebench.measure.inference import inference_costs
from edgebench.measure.properties.tally import Tally
from edgebench.measure.properties.tensors import relative_error
from edgebench.methods.netaug import Augmented, Sample, augment
from edgebench.methods.netaug.dials import Dials
from edgebench.methods.netaug.layers import Elastic
from edgebench.models.micro_resnet import MicroResNet
from edgebench.models.micronet import MicroNet
from edgebench.models.mobile import Layout, MobileNet, Stage
from edgebench.models.mobilenet_v3 import MobileNetV3

_STEPS, _CLASSES = 400, 7
# Chance that one of all χ² statistics of a case exceeds its bound though every factor is drawn as it should be.
_FALSE_ALARM = 1e-9
_LAYOUT = Layout(16, 16, (Stage(24, 2, (3, 4), (5, 3)), Stage(32, 1, (3, 3), (3, 7))), mix=None)


@dataclass(frozen=True)
class _Case:
    """An augmented network, the plain one that it was made of, its factors, and what is drawn next."""

    model: nn.Module
    net: Augmented
    width: tuple[float, ...]
    expand: tuple[float, ...]
    alpha: float
    generator: torch.Generator

    def images(self, count: int = 6) -> Tensor:
        return torch.randn(count, 1, 16, 16, generator=self.generator).to(next(self.net.parameters()).dtype)

    def labels(self, count: int = 6) -> Tensor:
        return torch.randint(_CLASSES, (count,), generator=self.generator)

    def step(self) -> None:
        """One of a training: both passes, and an update."""
        self.net.zero_grad()
        self.net.backward(self.images(), self.labels(), cross_entropy, self.alpha, self.generator)
        with torch.no_grad():
            for parameter in self.net.parameters():
                if parameter.grad is not None:
                    parameter.sub_(0.05 * parameter.grad)


def _cases(cases: int, seed: int, dtype: torch.dtype = torch.float32) -> Iterator[_Case]:
    """Mobile networks of three plans and a residual one; r from 1.5 to 3, s from 1 to 4, of widths and expansions."""
    source = random.Random(seed)
    with torch.random.fork_rng(devices=[]):
        for index in range(cases):
            torch.manual_seed(source.getrandbits(63))
            model: nn.Module = (
                lambda: MicroNet(classes=_CLASSES, se=source.random() < 0.5),
                lambda: MicroResNet(classes=_CLASSES),
                lambda: MobileNet(_LAYOUT, 1, _CLASSES),
                lambda: MobileNetV3(1, _CLASSES, width=0.1),
            )[index % 4]()
            model = model.to(dtype)
            if source.random() < 0.5:
                model = model.to(memory_format=torch.channels_last)
            width, expand = (spaced(source.choice([1.5, 2.0, 3.0]), source.randint(1, 4)) for _ in range(2))
            generator = torch.Generator().manual_seed(source.getrandbits(63))
            net = augment(model, width, expand, generator).train()
            yield _Case(model, net, width, expand, source.choice([0.25, 1.0, 1.5]), generator)


def spaced(largest: float, steps: int) -> tuple[float, ...]:
    """Factors 1…r in s equal steps (section 3.2): r = 3 and s = 2 give 1, 2, 3."""
    return tuple(1 + k * (largest - 1) / steps for k in range(steps + 1))


def check_widths(cases: int, seed: int) -> Tally:
    """Each step passes the base and one network whose layers are drawn from evenly spaced widths, alone and uniformly.

    A case is 400 steps. It holds if each has two passes, with weights 1 and α; the first has all channels as given; in
    the second the channels between blocks are w times one of the factors, a block's inner ones in proportion to those
    that it reads times one of the factors; and in the second half of a training the widths are all w. Its error is the
    largest χ² of all pairs of layers, and of every layer in successive steps, over its bound.
    """
    tally = Tally()
    for case in _cases(cases, seed):
        dials, holds, chosen = case.net.dials, True, []
        case.net.start_epoch(1, 2)
        for _ in range(_STEPS):
            weights, sizes = [], []
            for weight in case.net.passes(case.alpha, case.generator):
                weights.append(weight)
                sizes.append([channels.active for channels in dials.channels])
                places = _places(case, dials)
            holds &= weights == [1.0, case.alpha] and None not in places
            holds &= sizes[0] == [channels.base for channels in dials.channels]
            chosen.append([-1 if place is None else place for place in places])
        case.net.start_epoch(2, 2)
        for _ in range(20):
            for _ in case.net.passes(case.alpha, case.generator):
                holds &= all(dial.channels.active == dial.channels.base for dial in dials.widths)
        kinds = [len(case.width)] * len(dials.widths) + [len(case.expand)] * len(dials.expansions)
        error = _dependence(torch.tensor(chosen), kinds) if holds else float("inf")
        tally.case(holds=holds, error=error, tolerance=1.0)
    return tally


def _places(case: _Case, dials: Dials) -> list[int | None]:
    """Which factor each dial's channels are of, by the declared widths; None: of none."""
    found: list[int | None] = []
    for width in dials.widths:
        wanted = [_round(width.channels.base * factor) for factor in case.width]
        found.append(_index(width.channels.active, wanted))
    for expansion in dials.expansions:
        read, places = expansion.source, set[int | None]()
        for inner in expansion.channels:
            wanted = [_round(read.active * inner.base / read.base * factor) for factor in case.expand]
            places.add(_index(inner.active, wanted))
        found.append(places.pop() if len(places) == 1 else None)
    return found


def _index(size: int, wanted: list[int]) -> int | None:
    return wanted.index(size) if size in wanted else None


def _round(channels: float) -> int:
    return int(channels + 0.5)


def _dependence(chosen: Tensor, kinds: list[int]) -> float:
    """Of factors by step and layer [steps, layers]: the largest χ² over its bound, if they were drawn as declared.

    Args:
        kinds: how many factors each layer has.
    """
    from scipy.special import chdtri

    tests = list(itertools.combinations(range(len(kinds)), 2))
    worst = 0.0
    for one, other in [*tests, *((each, None) for each in range(len(kinds)))]:
        first, second = (
            (chosen[:, one], chosen[:, other]) if other is not None else (chosen[:-1, one], chosen[1:, one])
        )
        cells = kinds[one] * kinds[one if other is None else other]
        counts = torch.bincount(first * (cells // kinds[one]) + second, minlength=cells).double()
        expected = len(first) / cells
        statistic = float(((counts - expected) ** 2 / expected).sum())
        worst = max(worst, statistic / float(chdtri(cells - 1, _FALSE_ALARM / (len(tests) + len(kinds)))))
    return worst


def check_sub_networks(cases: int, seed: int) -> Tally:
    """Every network in the largest one is a plain network of its leading channels, and computes the same bit by bit.

    A case is a network after one step of training, and a network sampled in it. It holds if that, taken out, consists
    of ordinary layers, each tensor of which is the leading part of the largest one's; and if both compute the same,
    with batch statistics and with stored ones. Its error is the largest relative difference of their outputs.
    """
    tally = Tally()
    for case in _cases(cases, seed):
        case.step()
        sample = case.net.dials.draw(case.generator)
        plain = case.net.extract(sample)
        stored = case.net.network.state_dict()
        ordinary = not any(isinstance(module, Elastic) for module in plain.modules())
        leading = all(
            torch.equal(t, _leading(stored[name], t.shape)) for name, t in plain.state_dict().items()
        )
        images, errors = case.images(), []
        for training in (True, False):
            case.net.train(training)
            case.net.activate(sample)
            with torch.no_grad():
                found, expected = case.net.network(images), plain.train(training)(images)
            errors.append(relative_error(found, expected, expected))
        tally.case(holds=ordinary and leading, error=max(errors), tolerance=0.0)
    return tally


def _leading(tensor: Tensor, shape: torch.Size) -> Tensor:
    return tensor[tuple(slice(size) for size in shape)]


def check_gradients(cases: int, seed: int) -> Tally:
    """Equation 2: the gradient of a step is that of the base plus α times that of the sampled network.

    A case is a step in float64; both gradients are computed apart, of plain networks, and put in the leading parts of
    tensors of the largest size. It holds if no weight outside the sampled network has a gradient. Its error is the
    largest of all weights, over the largest gradient.
    """
    tally = Tally()
    for case in _cases(cases, seed, torch.float64):
        images, labels, net = case.images(), case.labels(), case.net
        before = case.generator.get_state()
        sample = net.dials.draw(case.generator)
        case.generator.set_state(before)
        outside, total = _apart(net, sample, case.alpha, images, labels)
        net.backward(images, labels, cross_entropy, case.alpha, case.generator)
        silent, error = True, 0.0
        # Over the largest of all: a shift that the next normalisation takes away again has a gradient of roundings.
        largest = torch.stack([tensor.abs().max() for tensor in total.values()])
        for name, parameter in net.network.named_parameters():
            found = torch.full_like(parameter, torch.inf) if parameter.grad is None else parameter.grad
            silent &= not bool(found[outside[name]].any())
            error = max(error, relative_error(found, total[name], largest))
        tally.case(holds=silent, error=error, tolerance=1e-13)
    return tally


def _apart(
    net: Augmented, sample: Sample, alpha: float, images: Tensor, labels: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Of each tensor of the largest network: which weights are outside the sampled one, and its expected gradient."""
    stored = dict(net.network.named_parameters())
    outside = {name: torch.ones_like(p, dtype=torch.bool) for name, p in stored.items()}
    total = {name: torch.zeros_like(p) for name, p in stored.items()}
    for weight, part in ((1.0, net.dials.base()), (alpha, sample)):
        plain = net.extract(part)
        torch.autograd.backward(cross_entropy(plain(images), labels))
        for name, parameter in plain.named_parameters():
            _leading(outside[name], parameter.shape).fill_(False)
            assert parameter.grad is not None
            _leading(total[name], parameter.shape).add_(weight * parameter.grad)
    return outside, total


def check_export(cases: int, seed: int) -> Tally:
    """Section 3.3: what is kept of a training is the given network in size and cost, and computes what the base did.

    A case is a training of both phases, two steps each, with statistics taken from 24 images. It holds if the exported
    network has the class, tensors, parameters and multiply-accumulates of the given one. Its error is the largest
    relative difference of its outputs from those of the base in the largest network.
    """
    tally = Tally()
    for case in _cases(cases, seed):
        for epoch in (1, 2):
            case.net.start_epoch(epoch, 2)
            for _ in range(2):
                case.step()
        case.net.recalibrate(case.images(12) for _ in range(2))
        plain, images = case.net.export().eval(), case.images(9)
        with torch.no_grad():
            found, expected = plain(images), case.net.eval()(images)
        alike = type(plain) is type(case.model) and _shapes(plain) == _shapes(case.model)
        shape = images.shape[1:]
        cheap = inference_costs(plain, shape) == inference_costs(case.model, shape)
        trained = not torch.equal(expected, case.model.eval()(images))
        tally.case(holds=alike and cheap and trained, error=relative_error(found, expected, expected))
    return tally


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}
