"""Optimisers by name, from torch, in their fused form."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, NAdam, Optimizer

from edgebench.claim.settings import OptimiserSettings
from edgebench.errors import SettingsError


def build_optimiser(settings: OptimiserSettings, model: nn.Module, stacked: int = 0) -> Optimizer:
    """The optimiser over the parameters that train.

    Weight decay is torch's: added to the gradient (coupled) for sgd, adam and nadam, applied to the weights
    themselves (decoupled, Loshchilov & Hutter 2019) for adamw. What is no weight, where only those decay, are vectors:
    biases, and the scales and shifts of normalisations.

    Args:
        settings: the optimiser and its options.
        model: whose parameters.
        stacked: dimensions that each parameter has before its own: 1 in a stack of networks.

    Raises:
        SettingsError: an option that the optimiser does not have.
    """
    parameters: list[Any] = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if settings.decay is not None:
        vectors = [parameter for parameter in parameters if parameter.dim() - stacked <= 1]
        weights = [parameter for parameter in parameters if parameter.dim() - stacked > 1]
        groups: list[dict[str, Any]] = [{"params": weights}, {"params": vectors, "weight_decay": 0.0}]
        parameters = [group for group in groups if group["params"]]
    common: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.name == "sgd":
        momentum, nesterov = settings.momentum or 0.0, settings.nesterov or False
        if nesterov and not momentum:
            raise SettingsError("nesterov without momentum", expected="a momentum above 0")
        return SGD(parameters, momentum=momentum, nesterov=nesterov, fused=True, **common)
    for option in ("momentum", "nesterov"):
        if getattr(settings, option) is not None:
            raise SettingsError(f"optimiser '{settings.name}' has no '{option}'", hint="it belongs to sgd")
    if settings.name == "nadam":  # torch has no fused NAdam
        return NAdam(parameters, foreach=True, **common)
    family: type[Adam] | type[AdamW] = Adam if settings.name == "adam" else AdamW
    return family(parameters, fused=True, **common)


def trainable_parameters(model: nn.Module) -> int:
    """How many numbers the optimiser trains."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
