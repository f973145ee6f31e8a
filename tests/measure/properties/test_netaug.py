"""Properties of NetAug hold for the real method and fail for every broken one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.settings import PropertySettings
from edgebench.measure import properties
from edgebench.measure.properties.netaug import spaced
from edgebench.methods.netaug import Augmented, Sample
from edgebench.methods.netaug.dials import Dials, Expansion, Width
from edgebench.methods.netaug.layers import ElasticConv2d
from edgebench.methods.netaug.network import EXPAND, WIDTH

_CASES = 4  # one of each kind of network


def _run(name: str) -> dict[str, float]:
    return properties.run_property(PropertySettings(name=name, cases=_CASES), 0).metrics


@pytest.mark.parametrize(
    "name", ["netaug-widths", "netaug-sub-networks", "netaug-gradients", "netaug-export"]
)
def test_holds_and_leaves_the_global_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    metrics = _run(name)
    assert torch.equal(before, torch.get_rng_state())
    assert (metrics["cases"], metrics["violations"]) == (_CASES, 0)
    assert metrics["max_error"] < (1 if name == "netaug-widths" else 1e-12)


def test_factors_are_evenly_spaced() -> None:
    assert spaced(3.0, 2) == (1.0, 2.0, 3.0)  # the paper's example
    assert spaced(2.6, 2) == pytest.approx(WIDTH)
    assert spaced(2.8, 3) == pytest.approx(EXPAND)


_draw, _passes, _turn = Dials.draw, Augmented.passes, Width.turn


def _one_for_all(self: Dials, generator: torch.Generator | None, *, widths: bool = True) -> Sample:
    """The same expansion in every block."""
    drawn = _draw(self, generator, widths=widths)
    return Sample(drawn.widths, tuple(drawn.expansions[:1] * len(drawn.expansions)))


def _largest_more_often(self: Dials, generator: torch.Generator | None, *, widths: bool = True) -> Sample:
    drawn, second = (_draw(self, generator, widths=widths) for _ in range(2))
    return Sample(drawn.widths, tuple(map(max, drawn.expansions, second.expansions)))


def _half_as_often(self: Dials, generator: torch.Generator | None, *, widths: bool = True) -> Sample:
    """A new network in every second step only."""
    self.__dict__["count"] = self.__dict__.get("count", 0) + 1
    if self.__dict__["count"] % 2 or "last" not in self.__dict__:
        self.__dict__["last"] = _draw(self, generator, widths=True)
    last: Sample = self.__dict__["last"]
    return Sample(last.widths if widths else self.base().widths, last.expansions)


def _widths_in_both_phases(self: Dials, generator: torch.Generator | None, *, widths: bool = True) -> Sample:
    return _draw(self, generator)


def _rounded_to_eight(self: Width, factor: float) -> None:
    _turn(self, factor)
    self.channels.active = max(8, (self.channels.active + 5) // 8 * 8)


def _two_sampled(
    self: Augmented, alpha: float = 1.0, generator: torch.Generator | None = None
) -> Iterator[float]:
    yield from _passes(self, alpha, generator)
    self.sample(generator)
    yield alpha
    self.activate_base()


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [
        (Dials, "draw", _one_for_all),
        (Dials, "draw", _largest_more_often),
        (Dials, "draw", _half_as_often),
        (Dials, "draw", _widths_in_both_phases),
        (Width, "turn", _rounded_to_eight),
        (Expansion, "turn", lambda self, factor: None),
        (Augmented, "passes", _two_sampled),
    ],
)
def test_widths_notices(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, broken: Callable[..., Any]
) -> None:
    monkeypatch.setattr(owner, name, broken)
    assert _run("netaug-widths")["violations"] >= 2  # some declared widths are multiples of 8


_active = ElasticConv2d._active


def _trailing(self: ElasticConv2d) -> tuple[Tensor, Tensor | None, int]:
    """The last input channels rather than the first."""
    weight, bias, groups = _active(self)
    return (weight if self.depthwise else self.weight[: len(weight), -weight.shape[1] :]), bias, groups


def _extract_trailing(self: Augmented, sample: Sample) -> nn.Module:
    plain = _extract(self, sample)
    for norm in plain.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.weight = nn.Parameter(norm.weight.detach().flip(0) + 0.1 * torch.arange(len(norm.weight)))
    return plain


_extract, _backward = Augmented.extract, Augmented.backward


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [(ElasticConv2d, "_active", _trailing), (Augmented, "extract", _extract_trailing)],
)
def test_sub_networks_notices(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, broken: Callable[..., Any]
) -> None:
    monkeypatch.setattr(owner, name, broken)
    assert _run("netaug-sub-networks")["violations"] == _CASES


def _of_another_alpha(self: Augmented, images: Tensor, targets: Tensor, *rest: Any) -> Tensor:
    alpha, generator = rest[1], rest[2]
    return _backward(self, images, targets, rest[0], alpha * 1.001, generator)


def _decayed(self: Augmented, images: Tensor, targets: Tensor, *rest: Any) -> Tensor:
    loss = _backward(self, images, targets, *rest)
    for parameter in self.parameters():
        assert parameter.grad is not None
        parameter.grad += 1e-15 * parameter.detach()  # beyond the sampled network too
    return loss


@pytest.mark.parametrize("broken", [_of_another_alpha, _decayed])
def test_gradients_notices(monkeypatch: pytest.MonkeyPatch, broken: Callable[..., Any]) -> None:
    monkeypatch.setattr(Augmented, "backward", broken)
    assert _run("netaug-gradients")["violations"] >= 3


def _with_another_tensor(self: Augmented) -> nn.Module:
    plain = self.extract(self.dials.base())
    next(m for m in plain.modules() if isinstance(m, nn.Linear)).register_buffer("extra", torch.zeros(1))
    return plain


def _of_other_weights(self: Augmented) -> nn.Module:
    plain = self.extract(self.dials.base())
    with torch.no_grad():
        next(p for p in plain.parameters()).mul_(1.0 + 1e-6)
    return plain


@pytest.mark.parametrize("broken", [_with_another_tensor, _of_other_weights])
def test_export_notices(monkeypatch: pytest.MonkeyPatch, broken: Callable[..., Any]) -> None:
    monkeypatch.setattr(Augmented, "export", broken)
    assert _run("netaug-export")["violations"] >= 3
