"""Magnitude pruning: the smallest weights of a network are set to zero and stay zero while the others train on.

Global and unstructured, by absolute value (Han et al. 2015; torch.nn.utils.prune): the weights of all convolutions
and linear layers compete for the places that are left. Biases and normalisations are never pruned. A pruned layer
trains `weight_orig` and computes with `weight` = `weight_orig` · `weight_mask` until `finish`, so that neither
momentum, weight decay nor a state that is copied back can bring a pruned weight back. A network that reads the
weights of its layers itself sees them pruned only if it lets each pruned layer compute
(`torch.nn.utils.prune.is_pruned`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from edgebench.errors import ModelError, SettingsError


@torch.no_grad()
def prune(model: nn.Module, parameters: int) -> None:
    """Mask the smallest weights until exactly so many parameters are left; earlier masks stay.

    Args:
        model: changed in place; its optimiser is to be made afterwards, over `weight_orig`.
        parameters: that are left, with those that are never pruned.

    Raises:
        ModelError: the model has no layer that can be pruned.
        SettingsError: more are asked for than are left, or fewer than can never be pruned.
    """
    layers = _layers(model)
    if not layers:
        raise ModelError("the network cannot be pruned", expected="convolutions or linear layers")
    masks = [_mask(layer) for layer in layers]
    kept = torch.cat([mask.flatten() for mask in masks]).bool()
    fixed = sum(each.numel() for each in model.parameters()) - len(kept)
    left = fixed + int(kept.sum())
    if not fixed <= parameters <= left:
        raise SettingsError(
            f"{parameters:,} parameters are to be left by pruning",
            expected=f"{fixed:,} (biases and normalisations, which are never pruned) to {left:,} (all that are left)",
        )
    if parameters == left:
        return
    # Not `global_unstructured`: it cannot flatten weights in channels-last order, and takes the values of a layer that
    # is pruned already from its last forward pass, before the optimiser's last step.
    weights = torch.cat([_stored(layer).flatten() for layer in layers])
    chosen = torch_prune.L1Unstructured(left - parameters)
    places = torch.ones(left - fixed, device=weights.device)
    kept[kept.clone()] = chosen.compute_mask(weights[kept], places).bool()  # type: ignore[no-untyped-call]
    sizes = [mask.numel() for mask in masks]
    for layer, mask, part in zip(layers, masks, torch.split(kept, sizes), strict=True):
        torch_prune.custom_from_mask(layer, "weight", part.view_as(mask))  # type: ignore[no-untyped-call]
        # In the weight's memory order, so that their product has it too.
        layer.weight_mask = torch.empty_like(_stored(layer)).copy_(part.view_as(mask))


def finish(model: nn.Module) -> None:
    """Make the masks permanent: zeros in the weights, and the parameters' names and order as before pruning."""
    for layer in _layers(model):
        if torch_prune.is_pruned(layer):
            torch_prune.remove(layer, "weight")  # type: ignore[no-untyped-call]
            for name in [name for name in layer._parameters if name != "weight"]:
                layer._parameters[name] = layer._parameters.pop(name)


def nonzero(model: nn.Module) -> int:
    """How many parameters are not zero; those of pruned layers as they compute."""
    masked = [layer for layer in _layers(model) if torch_prune.is_pruned(layer)]
    pruned = {id(_stored(layer)): _stored(layer) * _mask(layer) for layer in masked}
    return sum(int(pruned.get(id(each), each).count_nonzero()) for each in model.parameters())


def _layers(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _stored(layer: nn.Module) -> Tensor:
    """The parameter that holds a layer's weights; of a pruned layer, with what its pruned weights were."""
    return layer.get_parameter("weight_orig" if "weight_orig" in layer._parameters else "weight")


def _mask(layer: nn.Module) -> Tensor:
    """1 where a weight is left, 0 where it is pruned; in the weight's shape."""
    return (
        layer.get_buffer("weight_mask")
        if "weight_mask" in layer._buffers
        else torch.ones_like(_stored(layer))
    )
