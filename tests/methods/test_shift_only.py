from __future__ import annotations

import pytest
import torch
from torch import nn

from edgebench.errors import ModelError
from edgebench.measure.activations import measured_activation_bytes
from edgebench.methods.shift_only import ShiftOnlyBatchNorm2d


def _trained(channels: int = 5, dtype: torch.dtype = torch.float32) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, dtype=dtype)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(channels))
        norm.bias.copy_(torch.randn(channels))
        norm.running_mean.copy_(torch.randn(channels))  # type: ignore[union-attr]
        norm.running_var.copy_(torch.rand(channels) + 0.1)  # type: ignore[union-attr]
    return norm


def test_equals_batch_norm_in_evaluation_mode() -> None:
    norm = _trained().eval()
    x = torch.randn(3, 5, 4, 6)
    assert torch.equal(ShiftOnlyBatchNorm2d.from_batch_norm(norm).train()(x), norm(x))


def test_gradients_are_exact() -> None:
    layer = ShiftOnlyBatchNorm2d.from_batch_norm(_trained(3, torch.float64))

    def function(x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.func.functional_call(layer, {"bias": shift}, (x,))
        return out

    x = torch.randn(2, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    shift = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x, shift))
    assert torch.autograd.gradgradcheck(function, (x, shift))


def test_keeps_no_activation_where_torch_keeps_the_input() -> None:
    norm = _trained().eval()
    x = torch.randn(3, 5, 4, 6, requires_grad=True)
    norm.weight.requires_grad_(False)
    assert measured_activation_bytes(norm, x) >= 4 * x.numel()
    assert measured_activation_bytes(ShiftOnlyBatchNorm2d.from_batch_norm(norm), x) == 0


@pytest.mark.parametrize("training", [True, False])
def test_neither_mode_updates_statistics_or_scale(training: bool) -> None:
    layer = ShiftOnlyBatchNorm2d.from_batch_norm(_trained()).train(training)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.1)
    x = torch.randn(4, 5, 3, 3)
    expected = layer.eval()(x)
    out = layer.train(training)(x)
    assert torch.equal(out, expected)
    out.square().sum().backward()
    optimiser.step()
    after = layer.state_dict()
    changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]
    assert changed == ["bias"]


def test_shares_parameters_and_state_dict_keys() -> None:
    norm = _trained()
    layer = ShiftOnlyBatchNorm2d.from_batch_norm(norm)
    assert layer.bias is norm.bias
    assert layer.running_var is norm.running_var
    assert layer.state_dict().keys() == norm.state_dict().keys()
    assert not layer.weight.requires_grad
    assert (layer.eps, layer.num_features, layer.training) == (norm.eps, norm.num_features, norm.training)


@pytest.mark.parametrize("options", [{"affine": False}, {"track_running_stats": False}])
def test_a_norm_without_statistics_or_shift_is_refused(options: dict[str, bool]) -> None:
    with pytest.raises(ModelError, match="cannot train its shift"):
        ShiftOnlyBatchNorm2d.from_batch_norm(
            nn.BatchNorm2d(
                3,
                affine=options.get("affine", True),
                track_running_stats=options.get("track_running_stats", True),
            )
        )


def test_frozen_shift_and_input_without_gradient() -> None:
    layer = ShiftOnlyBatchNorm2d.from_batch_norm(_trained())
    layer(torch.randn(2, 5, 2, 2)).sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.full((5,), 8.0))
    layer.bias.requires_grad_(False)
    assert not layer(torch.randn(2, 5, 2, 2)).requires_grad
    x = torch.randn(2, 5, 2, 2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None


def test_layouts_double_use_and_inputs_left_alone() -> None:
    layer = ShiftOnlyBatchNorm2d.from_batch_norm(_trained())
    x = torch.randn(2, 5, 4, 6).contiguous(memory_format=torch.channels_last)[..., ::2].requires_grad_()
    before = x.detach().clone()
    (layer(x) + layer(2 * x)).sum().backward()
    assert torch.equal(x, before)
    factor = layer.weight / torch.sqrt(layer.running_var + layer.eps)  # type: ignore[operator]
    torch.testing.assert_close(x.grad, (3 * factor).view(1, 5, 1, 1).expand_as(x))


def test_half_precision_input_under_autocast() -> None:
    block = nn.Sequential(nn.Conv2d(3, 5, 1), ShiftOnlyBatchNorm2d.from_batch_norm(_trained()))
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = block(x)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    layer = block[1]
    assert layer.bias.grad is not None
    assert layer.bias.grad.dtype == torch.float32
    torch.testing.assert_close(layer.bias.grad, torch.full((5,), 32.0))


def test_wrong_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 4D input"):
        ShiftOnlyBatchNorm2d.from_batch_norm(_trained())(torch.randn(2, 5))
