"""Properties hold for the real operators and fail for every broken one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.settings import PropertySettings
from edgebench.errors import SettingsError
from edgebench.measure import properties
from edgebench.methods import bits, shift_only, signed

# Tested in modules of their own.
_ELSEWHERE = ("random-split", "mixup-", "cutmix-", "randaugment-", "beta-shape", "netaug-")


def _run(name: str, cases: int = 60, seed: int = 0) -> dict[str, float]:
    return properties.run_property(PropertySettings(name=name, cases=cases), seed).metrics


# Those of Theorem 1 have inequalities, random splits a probability: each has a test module of its own.
@pytest.mark.parametrize(
    "name",
    [each for each in properties.names() if not each.startswith(("loss-bound", *_ELSEWHERE))],
)
def test_holds(name: str) -> None:
    if name == "cosine-schedule":
        pytest.importorskip("edgebench.train.schedule")
    metrics = _run(name)
    assert metrics["cases"] == 60
    assert metrics["violations"] == 0
    assert metrics["max_error"] < 1e-6


def test_other_seeds_are_other_cases() -> None:
    assert _run("shift-only-bn", seed=1)["violations"] == 0
    assert _run("shift-only-bn", seed=1) != _run("shift-only-bn", seed=2)
    assert _run("shift-only-bn", seed=1) == _run("shift-only-bn", seed=1)


def test_importing_and_checking_needs_no_torch() -> None:
    code = "import sys; from edgebench.measure import properties; properties.check('signed-backward');"
    code += "print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'signed-backward'"):
        _run("signed-backwards")


_pack, _unpack = bits.pack_signs, bits.unpack_signs


def _strict_sign(a: Tensor) -> bits.PackedSigns:
    return _pack(torch.where(a == 0, -1.0, a.double()))


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("unpack_signs", lambda packed: ~_unpack(packed)),
        ("pack_signs", _strict_sign),  # > instead of >= : wrong at zero alone
        ("pack_signs", lambda a: _pack(a - 3)),
        ("unpack_signs", lambda packed: _unpack(packed).flip(0)),
    ],
)
def test_signed_backward_notices(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(bits, name, broken)
    metrics = _run("signed-backward")
    assert metrics["violations"] > 10
    assert metrics["max_error"] > 0.01


def test_signed_backward_notices_a_wrong_forward_and_a_byte_per_element(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(signed.SIGNED, nn.ReLU6, signed.SignedReLU)
    assert 0 < _run("signed-backward")["violations"] < 60
    monkeypatch.undo()
    # The true ReLU keeps 32 bits, and differs at zero.
    monkeypatch.setitem(signed.SIGNED, nn.ReLU, nn.ReLU)  # type: ignore[arg-type]
    assert 0 < _run("signed-backward")["violations"] < 60


_intact = shift_only.ShiftOnlyBatchNorm2d.forward


def _updating(self: shift_only.ShiftOnlyBatchNorm2d, x: Tensor) -> Tensor:
    assert self.num_batches_tracked is not None
    self.num_batches_tracked.add_(1)
    return _intact(self, x)


def _biased(self: shift_only.ShiftOnlyBatchNorm2d, x: Tensor) -> Tensor:
    return _intact(self, x) + 1e-3 * x


def _stock(self: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return nn.functional.batch_norm(
        x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
    )


def _ordinary(self: nn.BatchNorm2d, x: Tensor) -> Tensor:
    var, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0, keepdim=True)
    scale, shift = self.weight.view(1, -1, 1, 1), self.bias.view(1, -1, 1, 1)
    return (x - mean) / torch.sqrt(var + self.eps) * scale + shift


def _detached(self: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return _stock(self, x.detach()) + 0 * x.sum()


@pytest.mark.parametrize("forward", [_updating, _biased, _stock, _ordinary, _detached])
def test_shift_only_notices(monkeypatch: pytest.MonkeyPatch, forward: Callable[..., Tensor]) -> None:
    monkeypatch.setattr(shift_only.ShiftOnlyBatchNorm2d, "forward", forward)
    assert _run("shift-only-bn")["violations"] > 50


@pytest.mark.parametrize("wrong", ["constant", "one epoch late", "not to zero"])
def test_cosine_schedule_notices(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    schedules = pytest.importorskip("edgebench.train.schedule")

    def build(settings: Any, optimiser: torch.optim.Optimizer, epochs: int) -> Any:
        kinds = torch.optim.lr_scheduler
        if wrong == "constant":
            return kinds.LambdaLR(optimiser, lambda epoch: 1.0)
        lowest = 1e-5 if wrong == "not to zero" else 0.0
        length = epochs + (wrong == "one epoch late")
        return kinds.CosineAnnealingLR(optimiser, length, lowest)

    monkeypatch.setattr(schedules, "build_schedule", build)
    metrics = _run("cosine-schedule", cases=20)
    assert metrics["violations"] >= 15
    assert metrics["max_error"] > 1e-6
