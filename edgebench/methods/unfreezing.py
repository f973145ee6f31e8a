"""Progressive unfreezing: the last layers of a network train first, then more of it, or all.

What is frozen computes as in evaluation: stored statistics, no dropout. Unlike the layers of
`edgebench.methods.freezing` it can train again.
"""

from __future__ import annotations

from torch import nn

from edgebench.errors import SettingsError
from edgebench.methods.hooks import Method


class Unfreezing(Method):
    """From the n-th last convolution or linear layer on, everything trains; what comes before it is frozen.

    The order is that in which the network's modules were registered: that of computation, in ordinary networks.

    Args:
        layers: n; None: nothing is frozen.
    """

    def __init__(self, layers: int | None) -> None:
        self._layers = layers
        self._frozen: list[nn.Module] = []

    def wrap(self, model: nn.Module) -> nn.Module:
        """Say of every parameter whether it trains; what was said before is forgotten.

        Raises:
            SettingsError: the network has fewer layers.
        """
        modules = list(model.modules())
        layers = [index for index, module in enumerate(modules) if isinstance(module, nn.Conv2d | nn.Linear)]
        if self._layers is not None and self._layers > len(layers):
            raise SettingsError(
                f"'unfrozen' is {self._layers}, and the network has {len(layers)} convolutions and linear layers",
                expected=f"at most {len(layers)}",
            )
        first = layers[-self._layers] if self._layers is not None else 0
        for index, module in enumerate(modules):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(index >= first)
        # Containers ask their own mode for other things than statistics and dropout.
        self._frozen = [module for module in modules[:first] if not any(True for _ in module.children())]
        return model

    def before_epoch(self, model: nn.Module, epoch: int, epochs: int) -> None:
        for module in self._frozen:
            module.eval()
