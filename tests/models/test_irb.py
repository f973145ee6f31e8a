from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgebench.errors import SettingsError
from edgebench.models.irb import (
    ConvBlock,
    InvertedResidual,
    SqueezeExcitation,
    activation_layer,
    conv_norm,
    make_divisible,
)


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 8), (11.9, 16), (12, 16), (16 * 0.35, 8), (24 * 0.35, 8), (32 * 0.35, 16), (72, 72)],
)
def test_make_divisible_gives_the_published_channel_numbers(value: float, expected: int) -> None:
    assert make_divisible(value) == expected


@given(st.floats(0.1, 5000), st.integers(1, 32))
def test_make_divisible_never_loses_more_than_a_tenth(value: float, divisor: int) -> None:
    result = make_divisible(value, divisor)
    assert result % divisor == 0
    assert 0.9 * value <= result <= max(divisor, value + divisor)


def test_table_1_parameters() -> None:
    assert _parameters(ConvBlock(96, 5)) == 230_592
    v2 = InvertedResidual(96, 96, expansion=1, kernel=5, expand=True)
    assert _parameters(v2) == 21_408
    v3 = InvertedResidual(96, 96, expansion=1, kernel=5, expand=True, se=True, activation="hardswish")
    assert _parameters(v3) == 26_136


def test_block_without_expansion_has_no_expand_stage() -> None:
    assert InvertedResidual(16, 16, expansion=1).expand is None
    assert InvertedResidual(16, 16, expansion=2).expand is not None
    assert InvertedResidual(16, 16, expansion=1, expand=True).expand is not None
    with pytest.raises(SettingsError, match="cannot expand by 6"):
        InvertedResidual(16, 16, expansion=6, expand=False)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([8, 16]),
    st.sampled_from([8, 16]),
    st.integers(1, 2),
    st.sampled_from([3, 5]),
    st.booleans(),
)
def test_shapes_and_shortcut(c_in: int, c_out: int, stride: int, kernel: int, se: bool) -> None:
    block = InvertedResidual(c_in, c_out, stride=stride, expansion=2, kernel=kernel, se=se).eval()
    x = torch.randn(2, c_in, 7, 7)
    out = block(x)
    side = -(-7 // stride)
    assert out.shape == (2, c_out, side, side)
    # With a silent branch only the shortcut is left.
    nn.init.zeros_(block.project.get_submodule("bn").weight)  # type: ignore[arg-type]
    left = block(x)
    assert torch.equal(left, x) if stride == 1 and c_in == c_out else not left.any()


def test_squeeze_excitation_is_the_published_formula() -> None:
    se = SqueezeExcitation(24)
    assert se.reduce.out_channels == 8
    x = torch.randn(3, 24, 4, 5)
    mean = x.mean(dim=(2, 3))
    hidden = (mean @ se.reduce.weight.flatten(1).T + se.reduce.bias).clamp_min(0)
    gate = ((hidden @ se.restore.weight.flatten(1).T + se.restore.bias + 3) / 6).clamp(0, 1)
    torch.testing.assert_close(se(x), x * gate[:, :, None, None])


def test_activations_do_not_touch_the_block_input() -> None:
    for activation in ("relu", "relu6", "hardswish"):
        x = torch.randn(2, 8, 4, 4)
        before = x.clone()
        InvertedResidual(8, 8, expansion=1, activation=activation, se=True)(x)
        assert torch.equal(x, before)


def test_impossible_choices_are_refused() -> None:
    with pytest.raises(SettingsError, match="did you mean 'relu6'"):
        activation_layer("relu66")
    with pytest.raises(SettingsError, match="kernel size is 4"):
        conv_norm(8, 8, 4)
