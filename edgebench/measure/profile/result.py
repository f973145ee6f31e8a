"""What the analytic profiler returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Work and memory of one operation on the whole batch.

    Attributes:
        macs: multiply-accumulates of the forward pass (convolutions and linear layers alone).
        flops_forward: elementary operations of the forward pass.
        flops_backward: elementary operations of the backward pass.
        activation_bits: kept from forward to backward.
    """

    macs: int = 0
    flops_forward: int = 0
    flops_backward: int = 0
    activation_bits: int = 0


@dataclass(frozen=True)
class Layer:
    """One executed operation: where it is in the model, what it is, what it costs."""

    path: str
    kind: str
    cost: Cost


@dataclass(frozen=True)
class Profile:
    """A model's counted costs for one forward and backward pass of the whole batch.

    Attributes:
        params: parameters, including the scales and shifts of normalisations.
        trained_params: those of them that require gradients.
        layers: operations in the order of execution.
    """

    params: int
    trained_params: int
    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers, whole batch."""
        return sum(layer.cost.macs for layer in self.layers)

    @property
    def flops_forward(self) -> int:
        return sum(layer.cost.flops_forward for layer in self.layers)

    @property
    def flops_backward(self) -> int:
        return sum(layer.cost.flops_backward for layer in self.layers)

    @property
    def activation_bits(self) -> int:
        return sum(layer.cost.activation_bits for layer in self.layers)

    @property
    def activation_bytes(self) -> float:
        """Bits are packed across layers; whole bytes but for odd element numbers."""
        return self.activation_bits / 8
