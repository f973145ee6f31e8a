"""Mixed precision: what it computes in, that it learns, and that float32 is as if it did not exist."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgebench.errors import SettingsError
from edgebench.run.trial import resolve
from edgebench.train.loop import train_epoch
from edgebench.train.precision import mixed, scaler
from edgebench.train.trial import run_training
from tests.train.fixtures import settings

CPU = torch.device("cpu")


class Looks(nn.Module):
    """A linear layer that notes the types that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.seen: list[torch.dtype] = []

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        self.seen.append(out.dtype)
        return out


def test_products_are_short_and_logits_and_weights_are_not() -> None:
    model = Looks()
    logits = mixed(model, "bf16", CPU)(torch.ones(2, 4))
    assert model.seen == [torch.bfloat16]
    assert logits.dtype == torch.float32
    logits.sum().backward()  # type: ignore[no-untyped-call]
    assert model.linear.weight.grad is not None
    assert model.linear.weight.grad.dtype == model.linear.weight.dtype == torch.float32


def test_fp16_on_a_cpu_is_refused() -> None:
    with pytest.raises(SettingsError, match="precision 'fp16' on a CPU"):
        mixed(Looks(), "fp16", CPU)


def test_only_fp16_scales_the_loss() -> None:
    assert scaler(None, CPU) is None
    assert scaler("bf16", CPU) is None
    assert scaler("fp16", CPU) is not None


def test_a_scaled_step_is_the_step() -> None:
    def stepped(use: Any) -> Tensor:
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
        batches = [(torch.randn(8, 4), torch.arange(8) % 3) for _ in range(3)]
        train_epoch(model, batches, optimiser, (), 0.0, scaler=use)
        return model.weight.detach()

    # Scales are powers of two, which cost no digits.
    torch.testing.assert_close(stepped(scaler("fp16", CPU)), stepped(None), rtol=1e-6, atol=1e-7)


def test_a_training_in_bf16() -> None:
    short = settings(data={"train": 400}, epochs=4)
    exact = run_training(short, 0)
    found = run_training(short.model_copy(update={"precision": "bf16"}), 0)
    again = run_training(short.model_copy(update={"precision": "bf16"}), 0)
    assert found.how["compile"] == "no: steps are in bf16"
    assert found.curves == again.curves
    assert found.curves["train_loss"] != exact.curves["train_loss"]
    assert found.curves["train_loss"][0] == pytest.approx(exact.curves["train_loss"][0], rel=0.05)
    assert found.metrics["top1"] == pytest.approx(exact.metrics["top1"], abs=10)


def test_it_is_part_of_a_trial_and_its_absence_is_not() -> None:
    plain = settings()
    assert "precision" not in resolve("train", plain).settings_json
    short = resolve("train", plain.model_copy(update={"precision": "bf16"}))
    assert short.hash != resolve("train", plain).hash
