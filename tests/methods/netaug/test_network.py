from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgebench.errors import ModelError, SettingsError
from edgebench.methods.netaug import Augmented, augment
from edgebench.models.mcunet import mcunet
from edgebench.models.micro_resnet import MicroResNet
from edgebench.models.micronet import MicroNet
from edgebench.models.mobilenet_v2_tiny import mobilenet_v2_tiny
from edgebench.models.proxyless import proxyless_mobile
from tests.methods.netaug.slices import padded_gradients, plain_copy

_IMAGES = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
_LABELS = torch.arange(8) % 10


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _micronet(seed: int = 0) -> MicroNet:
    torch.manual_seed(seed)
    return MicroNet(10, se=True)


def _trained(steps: int = 2) -> Augmented:
    net = augment(_micronet(), generator=_seeded())
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    generator = _seeded(1)
    for _ in range(steps):
        optimiser.zero_grad()
        net.backward(_IMAGES, _LABELS, cross_entropy, generator=generator)
        optimiser.step()
    return net


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (_micronet, 8),
        (MicroResNet, 8),
        (lambda: mobilenet_v2_tiny(1), 32),
        (lambda: mcunet(1, classes=10), 32),
        (lambda: proxyless_mobile(1, classes=10, width=0.35), 32),
        (lambda: torchvision.models.mobilenet_v3_small(width_mult=0.5, num_classes=10), 32),
        (lambda: torchvision.models.resnet18(num_classes=10), 32),
    ],
)
def test_the_exported_network_is_the_base_bit_for_bit(build: Callable[[], nn.Module], size: int) -> None:
    model = build()
    net = augment(model, (1.0, 1.3), (1.0, 1.5))
    channels = 3 if size == 32 and not hasattr(model, "stem") else 1
    images = torch.randn(4, channels, size, size)
    assert torch.equal(model.eval()(images), net.eval()(images))
    net.train().backward(images, torch.arange(4), cross_entropy)
    with torch.no_grad():
        for parameter in net.parameters():
            assert parameter.grad is not None
            parameter -= 0.1 * parameter.grad
    net.recalibrate([images])
    plain = net.export()
    assert type(plain) is type(model)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    assert {name: tensor.shape for name, tensor in plain.state_dict().items()} == shapes
    for fed in (images, images.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(plain.eval()(fed), net.eval()(fed))
    assert not torch.equal(plain(images), model(images))
    # Its weights are its own.
    stored = {tensor.untyped_storage().data_ptr() for tensor in net.state_dict().values()}
    assert not any(tensor.untyped_storage().data_ptr() in stored for tensor in plain.state_dict().values())


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), alpha=st.sampled_from([0.3, 1.0]), residual=st.booleans())
def test_gradients_are_the_sum_of_both_passes(seed: int, alpha: float, residual: bool) -> None:
    net = augment(MicroResNet() if residual else _micronet(seed), (1.0, 1.4, 1.9), (1.0, 1.6)).double()
    sample = net.dials.draw(_seeded(seed))
    images = _IMAGES.double()
    parts = [(1.0, plain_copy(net, net.dials.base())), (alpha, plain_copy(net, sample))]
    losses = [cross_entropy(plain(images), _LABELS) for _, plain in parts]
    for loss in losses:
        loss.backward()
    loss = net.backward(images, _LABELS, cross_entropy, alpha, _seeded(seed))
    torch.testing.assert_close(loss, losses[0].detach())
    assert not loss.requires_grad
    expected = padded_gradients(net, parts)
    for name, parameter in net.network.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], msg=lambda m, name=name: f"{name}: {m}")
    assert net.dials.at_base


@pytest.mark.parametrize("channels_last", [False, True])
def test_base_only_training_is_plain_training_bit_for_bit(channels_last: bool) -> None:
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    model = _micronet().to(memory_format=memory_format)
    net = augment(model)
    nets: list[nn.Module] = [model, net]
    optimisers = [
        torch.optim.SGD(each.parameters(), 0.1, momentum=0.9, weight_decay=1e-3, nesterov=True)
        for each in nets
    ]
    for step in range(4):
        images = torch.randn(16, 1, 8, 8, generator=_seeded(step)).contiguous(memory_format=memory_format)
        labels = torch.randint(10, (16,), generator=_seeded(step))
        for optimiser in optimisers:
            optimiser.zero_grad()
        cross_entropy(model(images), labels).backward()
        net.backward(images, labels, cross_entropy, alpha=0.0)
        for optimiser in optimisers:
            optimiser.step()
    exported = net.export().state_dict()
    assert all(torch.equal(exported[name], tensor) for name, tensor in model.state_dict().items())


def test_the_active_sub_network_is_what_it_says() -> None:
    net = augment(_micronet(), generator=_seeded())
    before = torch.get_rng_state()
    first = net.sample(_seeded(4))
    assert torch.equal(torch.get_rng_state(), before)
    assert net.sample(_seeded(4)) == first
    seen: dict[str, int] = {}
    for name, module in net.network.named_modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            module.register_forward_hook(lambda m, i, o, name=name: seen.update({name: o.shape[1]}))
    net(_IMAGES)
    plain = plain_copy(net, first)
    for name, count in seen.items():
        assert plain.get_submodule(name).weight.shape[0] == count
    assert net.eval().dials.at_base
    net.activate(first)
    torch.testing.assert_close(net(_IMAGES), plain.eval()(_IMAGES))
    assert torch.equal(net.extract(first).eval()(_IMAGES), net(_IMAGES))
    assert not net.dials.at_base


def test_a_mixture_of_statistics_is_neither_evaluated_nor_exported() -> None:
    net = _trained()
    assert bool(net.mixed)
    with pytest.raises(ModelError, match=r"statistics are those of several sub-networks.*recalibrate"):
        net.eval()(_IMAGES)
    with pytest.raises(ModelError, match="several sub-networks"):
        net.export()
    net.sample(_seeded())
    net.recalibrate([_IMAGES])
    net.activate_base()
    assert bool(net.mixed)
    net.recalibrate([_IMAGES])
    plain = net.export()
    assert torch.equal(plain(_IMAGES), net(_IMAGES))
    net.sort_channels()
    assert bool(net.mixed)


def test_two_phases() -> None:
    net = augment(_micronet(), (1.0, 2.0), (1.0, 2.0))
    weights = net.network.blocks[1].project.conv.weight
    varied = []
    for epoch in range(1, 6):
        with torch.no_grad():
            weights.copy_(weights.flip(1))
        before = weights.clone()
        net.start_epoch(epoch, 5)
        drawn = {net.sample(_seeded(i)).widths for i in range(20)}
        varied.append((len(drawn) > 1, not torch.equal(weights, before)))
    assert varied == [(True, True)] * 3 + [(False, False)] * 2
    net.start_epoch(75, 150)
    assert net.widths_vary
    net.start_epoch(76, 150)
    assert not net.widths_vary


def test_after_passes_the_base_is_active_whatever_happened() -> None:
    net = augment(_micronet())

    def failing(logits: Tensor, labels: Tensor) -> Tensor:
        if not net.dials.at_base:
            raise ArithmeticError
        return cross_entropy(logits, labels)

    sampled = next(seed for seed in range(50) if net.dials.draw(_seeded(seed)) != net.dials.base())
    with pytest.raises(ArithmeticError):
        net.backward(_IMAGES, _LABELS, failing, generator=_seeded(sampled))
    assert net.dials.at_base
    with pytest.raises(SettingsError, match="alpha is -1"):
        net.backward(_IMAGES, _LABELS, cross_entropy, alpha=-1)


def test_a_scaler_scales_both_losses() -> None:
    net = augment(_micronet(), (1.0, 1.3), (1.0, 1.5))
    net.backward(_IMAGES, _LABELS, cross_entropy, generator=_seeded())
    plain = [parameter.grad for parameter in net.parameters()]
    net.zero_grad()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    net.backward(_IMAGES, _LABELS, cross_entropy, generator=_seeded(), scaler=scaler)
    for parameter, grad in zip(net.parameters(), plain, strict=True):
        assert grad is not None
        torch.testing.assert_close(parameter.grad, 4 * grad)


def test_copies_pickles_and_state_dicts() -> None:
    net = _trained()
    net.recalibrate([_IMAGES])
    other = augment(_micronet(9))
    other.load_state_dict(net.state_dict())
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), other]
    for each in copies:
        assert torch.equal(each.eval()(_IMAGES), net.eval()(_IMAGES))
        sample = each.sample(_seeded(2))
        net.activate(sample)
        assert torch.equal(each(_IMAGES), net(_IMAGES))
        net.activate_base()
        assert not each.dials.at_base
    # The mixture of statistics is part of the state.
    net.train().backward(_IMAGES, _LABELS, cross_entropy, generator=_seeded(3))
    other.load_state_dict(net.state_dict())
    assert bool(other.mixed)
