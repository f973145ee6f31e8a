"""What a model costs to train for one step, counted and measured, without data: trials of kind `profile`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from edgebench.claim.metrics import METHOD_METRICS
from edgebench.claim.settings import ProfileSettings
from edgebench.errors import SettingsError
from edgebench.measure.activations import measured_activation_bytes
from edgebench.measure.profile import profile
from edgebench.methods import strategy
from edgebench.models import registry
from edgebench.run.record import Measured


def run_profile(settings: ProfileSettings, seed: int) -> Measured:
    """Build the model, apply the method, and take its costs in training mode on an input of `settings.input`.

    Costs are those of the whole batch; give a batch of 1 for the usual figures per image. A single block (a
    registered name that is no classifier) is taken from the middle of a network: the gradient reaches its
    input, whose cost counts, as in MobileTL's Table 1. A whole network computes no gradient of its input.

    Metrics: `params`, `params.trained`; `macs`, `macs.with_scalings`, `flops.forward`, `flops.backward`, `flops` by
    the rules of `edgebench.measure.profile.rules`; `activation_bytes.counted` by the same rules, `memory.counted` and
    its parts `.params`, `.forward` and `.backward` by those of `edgebench.measure.profile.result`; `activation_bytes`
    as autograd really keeps them, `activation_bytes.stock` by the rules of `edgebench.measure.profile.stock`;
    `activation_bits.per_element` and `activation_bits.per_element.counted`, kept and counted bits divided by the
    elements of the input; `model_bytes`, parameters and buffers as stored.

    Raises:
        SettingsError: the options of the model or of the method, or the input's shape, are impossible.
        ModelError: the model cannot be built, converted, or counted.
    """
    if len(settings.input) != 4:
        raise SettingsError(
            f"input has {len(settings.input)} dimensions", expected="4: batch, channels, height, width"
        )
    is_block = registry.is_block(settings.model.name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = registry.build(
            settings.model,
            in_channels=settings.input[1],
            classes=settings.classes or 1000,
            size=(settings.input[2], settings.input[3]),
        )
        if settings.method is not None:
            model = strategy.apply(model, settings.method, size=(settings.input[2], settings.input[3]))
    return Measured(_costs(model.train(), settings.input, input_grad=is_block))


def counted(model: nn.Module, input_shape: Sequence[int]) -> dict[str, float]:
    """What a training step of `model` costs, for the record of a training: the metrics of `run_profile` that depend
    on what trains.

    Args:
        model: with the `requires_grad` flags and layers that it trains with; its mode, statistics and torch's random
            state are left as they were.
        input_shape: of a training batch, (N, C, H, W).

    Returns:
        `params.trained`, `flops`, `memory.counted`, `activation_bytes` and `activation_bytes.counted`.

    Raises:
        ModelError: no rule covers one of its layers, or it rejects the shape.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        costs = _costs(model.train(), input_shape, input_grad=False)
    finally:
        for module, mode in modes:
            module.training = mode
    return {name: costs[name] for name in METHOD_METRICS}


def _costs(model: nn.Module, input_shape: Sequence[int], *, input_grad: bool) -> dict[str, float]:
    """Every metric of a profile; `model` in the mode to be profiled."""
    found = profile(model, input_shape, input_grad=input_grad)
    stored = (*model.parameters(), *model.buffers())
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(tuple(input_shape), generator=generator).to(stored[0].device if stored else "cpu")
    kept = measured_activation_bytes(model, x.requires_grad_(input_grad))
    elements = math.prod(input_shape)
    return {
        "params": float(found.params),
        "params.trained": float(found.trained_params),
        "macs": float(found.macs),
        "macs.with_scalings": float(found.macs + found.scalings),
        "flops.forward": float(found.flops_forward),
        "flops.backward": float(found.flops_backward),
        "flops": float(found.flops_forward + found.flops_backward),
        "activation_bytes": float(kept),
        "activation_bytes.counted": found.activation_bytes,
        "activation_bytes.stock": float(found.stock_bytes),
        "memory.counted": found.memory.peak,
        "memory.counted.params": float(found.memory.params),
        "memory.counted.forward": found.memory.forward,
        "memory.counted.backward": found.memory.backward,
        "activation_bits.per_element": 8 * kept / elements,
        "activation_bits.per_element.counted": found.activation_bits / elements,
        "model_bytes": float(sum(t.numel() * t.element_size() for t in stored)),
    }
