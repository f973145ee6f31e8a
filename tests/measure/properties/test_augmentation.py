"""Properties of Mixup, CutMix and RandAugment hold for the real transforms and fail for every broken one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from edgebench.claim.settings import PropertySettings
from edgebench.data.policy import RandAugment
from edgebench.measure import properties
from edgebench.methods.mixing import CutMix, Mixup


def _run(name: str, cases: int) -> dict[str, float]:
    return properties.run_property(PropertySettings(name=name, cases=cases), 0).metrics


@pytest.mark.parametrize(
    ("name", "cases"),
    [("mixup-equations", 5), ("cutmix-equations", 60), ("randaugment-equations", 2), ("beta-shape", 1)],
)
def test_holds_and_leaves_the_global_generator_alone(name: str, cases: int) -> None:
    before = torch.get_rng_state()
    metrics = _run(name, cases)
    assert torch.equal(before, torch.get_rng_state())
    assert (metrics["cases"], metrics["violations"]) == (cases, 0)
    assert metrics["max_error"] < (1 if name == "beta-shape" else 1e-6)


_mixup, _cutmix = Mixup.batch, CutMix.batch
_apply, _draw = RandAugment.apply, RandAugment.draw


def _labels_of_another_weight(self: Mixup, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    mixed, targets = _mixup(self, images, labels)
    return mixed, targets.square() / targets.square().sum(1, keepdim=True)


def _of_another_shape(self: Mixup, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return v2.MixUp(alpha=30.0, num_classes=self._transform.num_classes)(images, labels)  # type: ignore[no-any-return]


@pytest.mark.parametrize("broken", [_labels_of_another_weight, _of_another_shape])
def test_mixup_notices(monkeypatch: pytest.MonkeyPatch, broken: Callable[..., Any]) -> None:
    monkeypatch.setattr(Mixup, "batch", broken)
    assert _run("mixup-equations", 4)["violations"] >= 2


def test_beta_shape_notices_another_alpha(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mixup, "batch", _of_another_shape)
    assert _run("beta-shape", 1)["violations"] == 1


def _unclipped(self: v2.CutMix, flat_inputs: list[Any]) -> dict[str, Any]:
    """The label that the drawn weight asks for, whatever the border leaves of the box."""
    found = _parameters(self, flat_inputs)
    left, top, right, bottom = found["box"]
    height, width = flat_inputs[0].shape[-2:]
    if left == 0 or top == 0 or right == width or bottom == height:
        found["lam_adjusted"] *= 0.9
    return found


_parameters = v2.CutMix.make_params


def _two_boxes(self: CutMix, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    mixed, targets = _cutmix(self, images, labels)
    mixed[0] = images[0]
    return mixed, targets


def test_cutmix_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v2.CutMix, "make_params", _unclipped)
    assert _run("cutmix-equations", 40)["violations"] > 0
    monkeypatch.undo()
    monkeypatch.setattr(CutMix, "batch", _two_boxes)
    assert _run("cutmix-equations", 40)["violations"] > 0


def _others_too(self: RandAugment, images: Tensor, drawn: Tensor) -> Tensor:
    return _apply(self, images, drawn.flip(0)) if len(images) == 24 else _apply(self, images, drawn)


def _never_negated(self: RandAugment, count: int, generator: torch.Generator) -> Tensor:
    return _draw(self, count, generator) // 2 * 2


def _the_same_each_epoch(self: RandAugment, count: int, generator: torch.Generator) -> Tensor:
    return _draw(self, count, torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "broken"),
    [("apply", _others_too), ("draw", _never_negated), ("draw", _the_same_each_epoch)],
)
def test_randaugment_notices(monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[..., Any]) -> None:
    monkeypatch.setattr(RandAugment, name, broken)
    assert _run("randaugment-equations", 2)["violations"] == 2
