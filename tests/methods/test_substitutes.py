from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.errors import ModelError
from edgebench.methods.anatomy import anatomy
from edgebench.methods.substitutes import substitute
from edgebench.models.irb import InvertedResidual


def _network() -> nn.Sequential:
    return nn.Sequential(*(InvertedResidual(8, 8, se=True, activation="hardswish") for _ in range(2)))


def test_relu_replaces_the_activations_of_the_given_blocks() -> None:
    net = _network()
    weights = dict(net.named_parameters())
    substitute(anatomy(net).blocks[1:], "relu")
    kinds = [
        type(net.get_submodule(f"{block}.{stage}.act")) for block in "01" for stage in ("expand", "depthwise")
    ]
    assert kinds == [nn.Hardswish, nn.Hardswish, nn.ReLU, nn.ReLU]
    assert isinstance(net.get_submodule("1.se.gate"), nn.Hardsigmoid)
    assert dict(net.named_parameters()) == weights


def test_squeeze_and_excitation_is_left_out_of_the_given_blocks() -> None:
    net = _network().eval()
    substitute(anatomy(net).blocks[1:], "remove-se")
    assert [block.se is None for block in anatomy(net).blocks] == [False, True]
    assert not any(name.startswith("1.se") for name, _ in net.named_parameters())
    block, x = net[1], torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x + block.project(block.depthwise(block.expand(x))))  # type: ignore[operator]


def test_nothing_to_replace() -> None:
    net = nn.Sequential(InvertedResidual(8, 8, activation="relu"))
    for kind in ("relu", "remove-se"):
        with pytest.raises(ModelError, match=rf"^0: substitute '{kind}' has nothing to replace"):
            substitute(anatomy(net).blocks, kind)  # type: ignore[arg-type]
