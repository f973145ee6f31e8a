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
        scalings: multiplications by which squeeze and excitation scales a map.
    """

    macs: int = 0
    flops_forward: int = 0
    flops_backward: int = 0
    activation_bits: int = 0
    scalings: int = 0


@dataclass(frozen=True)
class Load:
    """What one operation holds beside that, and only while it runs: the temporary part of the memory rule.

    Attributes:
        forward_bits: input and output of a convolution, during its forward pass.
        backward_bits: the gradient of a trained weight, one for each image of the batch, during its backward
            pass.
        normalises: a normalisation; the map that it keeps is released only after the weight gradient of the
            layer before it.
    """

    forward_bits: int = 0
    backward_bits: int = 0
    normalises: bool = False


@dataclass(frozen=True)
class Layer:
    """One executed operation: where it is in the model, what it is, what it costs.

    Attributes:
        stock_bytes: what autograd keeps for it by the rules of `stock`, and not already for one before it.
    """

    path: str
    kind: str
    cost: Cost
    load: Load = Load()
    stock_bytes: int = 0


@dataclass(frozen=True)
class Memory:
    """What a training step holds at its peak by MobileTL's accounting (Tables 3-5), in bytes.

    Attributes:
        params: parameters, 4 bytes for a trained one, 1 for a frozen one.
        stored: kept from forward to backward.
        forward: most that the forward pass holds beside the parameters: what is stored so far, and a
            convolution's input and output.
        backward: most that the backward pass holds beside the parameters: what is still stored, and the
            gradients of a weight, one for each image.
    """

    params: int
    stored: float
    forward: float
    backward: float

    @property
    def peak(self) -> float:
        return self.params + max(self.forward, self.backward)


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
    def memory(self) -> Memory:
        """The peak of a step and its parts.

        The layers are walked in their order: each stores what it keeps for backward, and in backward releases it
        after its own gradients are computed, so that a layer's backward pass sees all that was stored up to it.
        """
        stored = forward = backward = 0
        following = (*self.layers[1:], Layer("", "", Cost()))
        for layer, after in zip(self.layers, following, strict=False):
            if layer.load.forward_bits:
                forward = max(forward, stored + layer.load.forward_bits)
            stored += layer.cost.activation_bits
            if layer.load.backward_bits:
                held = after.cost.activation_bits if after.load.normalises else 0
                backward = max(backward, stored + held + layer.load.backward_bits)
        frozen = self.params - self.trained_params
        return Memory(4 * self.trained_params + frozen, stored / 8, forward / 8, max(stored, backward) / 8)

    @property
    def stock_bytes(self) -> int:
        """What autograd keeps by the rules of `stock`."""
        return sum(layer.stock_bytes for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers, whole batch."""
        return sum(layer.cost.macs for layer in self.layers)

    @property
    def scalings(self) -> int:
        """Multiplications by which squeeze and excitation scales maps, whole batch; `macs` is without them."""
        return sum(layer.cost.scalings for layer in self.layers)

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
