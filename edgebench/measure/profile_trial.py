"""Trials of kind `profile`: what a model costs to train for one step, counted and measured, without data."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from edgebench.claim.settings import ProfileSettings
from edgebench.errors import SettingsError
from edgebench.measure.activations import measured_activation_bytes
from edgebench.measure.profile import profile
from edgebench.methods import mobiletl
from edgebench.models import registry
from edgebench.run.record import Measured

_METHODS: dict[str, Callable[[nn.Module], nn.Module]] = {"mobiletl": mobiletl.convert}


def run_profile(settings: ProfileSettings, seed: int) -> Measured:
    """Build the model, apply the method, and take its costs in training mode on an input of `settings.input`.

    Costs are those of the whole batch; give a batch of 1 for the usual figures per image. A single block (a
    registered name that is no classifier) is taken from the middle of a network: the gradient reaches its
    input, whose cost counts, as in MobileTL's Table 1. A whole network computes no gradient of its input.

    Metrics: `params`; `macs`, `flops.forward`, `flops.backward`, `flops` by the rules of
    `edgebench.measure.profile.rules`; `activation_bytes.counted` by the same rules; `activation_bytes` as
    autograd really keeps them; `activation_bits.per_element` and `activation_bits.per_element.counted`, the
    two divided by the elements of the input; `model_bytes`, parameters and buffers as stored.

    Raises:
        SettingsError: the model's name or options, or the input's shape, are impossible.
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
            model = _METHODS[settings.method.name](model)
        model.train()
        counted = profile(model, settings.input, input_grad=is_block)
        x = torch.randn(settings.input, requires_grad=is_block)
        kept = measured_activation_bytes(model, x)
    elements = math.prod(settings.input)
    stored = (*model.parameters(), *model.buffers())
    return Measured(
        {
            "params": float(counted.params),
            "macs": float(counted.macs),
            "flops.forward": float(counted.flops_forward),
            "flops.backward": float(counted.flops_backward),
            "flops": float(counted.flops_forward + counted.flops_backward),
            "activation_bytes": float(kept),
            "activation_bytes.counted": counted.activation_bytes,
            "activation_bits.per_element": 8 * kept / elements,
            "activation_bits.per_element.counted": counted.activation_bits / elements,
            "model_bytes": float(sum(t.numel() * t.element_size() for t in stored)),
        }
    )
