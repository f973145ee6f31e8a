"""What autograd really keeps between forward and backward, in bytes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def measured_activation_bytes(model: nn.Module, x: Tensor, targets: Tensor | None = None) -> int:
    """Bytes of the tensors that one forward pass of `model` saves for its backward pass.

    A storage counts once, and whole, however many tensors and operations share it; the model's parameters and
    buffers do not count. The input counts when something saves it. Set `x.requires_grad` if the gradient is
    to reach it.

    Args:
        model: in the mode (train or eval) to be measured; its statistics and torch's random state are left as
            they were.
        x: input, batch first.
        targets: class indices (N,); when given, what the cross-entropy saves counts too.
    """
    resident = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    # Storages are kept, not only their addresses: an address freed during the pass could be handed out again.
    saved: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in resident:
            saved[storage.data_ptr()] = storage
        return tensor

    before = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    devices = [x.device] if x.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            out = model(x)
            if targets is not None:
                out = nn.functional.cross_entropy(out, targets)
        total = sum(storage.nbytes() for storage in saved.values())
        # The graph goes first: restoring statistics under it would look like a modification of saved tensors.
        del out
    with torch.no_grad():
        for buffer, value in before:
            buffer.copy_(value)
    return total
