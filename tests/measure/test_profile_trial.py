from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from edgebench.claim.settings import ProfileSettings
from edgebench.errors import ModelError, SettingsError
from edgebench.measure.profile_trial import run_profile


def _metrics(model: Mapping[str, object] | str, shape: list[int], **rest: object) -> dict[str, float]:
    settings = ProfileSettings.model_validate({"model": model, "input": shape, **rest})
    return run_profile(settings, seed=0).metrics


def test_metrics_of_a_block() -> None:
    metrics = _metrics(
        {"name": "mbv2-block", "kernel": 5, "expansion": 1, "activation": "relu"}, [8, 96, 7, 7]
    )
    assert metrics["params"] == 21_408
    assert metrics["flops"] == metrics["flops.forward"] + metrics["flops.backward"] == 51_555_552
    assert metrics["activation_bytes.counted"] == 912_576
    # Torch's in-place ReLU keeps no map of its own, the rule's is a bit; normalisations keep two vectors.
    assert metrics["activation_bytes"] == 6 * 150_528 + 3 * 2 * 96 * 4
    assert metrics["macs"] == 8_166_144
    assert metrics["model_bytes"] == 4 * 21_408 + 3 * (2 * 96 * 4 + 8)


# MobileTL, Table 2.
@pytest.mark.parametrize(("name", "bits"), [("relu6", 2), ("hardswish", 32), ("relu", 1)])
def test_bits_per_element(name: str, bits: int) -> None:
    exact = _metrics(name, [2, 8, 4, 4])
    signed = _metrics(name, [2, 8, 4, 4], method="mobiletl")
    assert exact["activation_bits.per_element.counted"] == bits
    assert exact["activation_bits.per_element"] == 32
    assert signed["activation_bits.per_element"] == signed["activation_bits.per_element.counted"] == 1


# MobileTL, Figure 1, against stock torch.
@pytest.mark.parametrize(("name", "saved"), [("mbv2-block", 62.22), ("mbv3-block", 53.27)])
def test_measured_saving_of_an_inverted_residual(name: str, saved: float) -> None:
    stock = _metrics(name, [8, 96, 7, 7])["activation_bytes"]
    mobiletl = _metrics(name, [8, 96, 7, 7], method="mobiletl")["activation_bytes"]
    assert 100 * (1 - mobiletl / stock) == pytest.approx(saved, abs=0.01)


def test_separable_cost() -> None:
    full = _metrics({"name": "full-conv", "channels": 512, "kernel": 3}, [1, 512, 14, 14])
    separable = _metrics({"name": "separable-conv", "channels": 512, "kernel": 3}, [1, 512, 14, 14])
    assert separable["macs"] / full["macs"] == pytest.approx(1 / 512 + 1 / 9)


def test_counted_and_measured_agree_for_a_whole_network() -> None:
    metrics = _metrics("torchvision:mobilenet_v3_small", [4, 3, 96, 96], classes=10)
    assert metrics["activation_bytes"] == pytest.approx(metrics["activation_bytes.counted"], rel=0.02)


def test_the_same_for_every_seed_and_without_touching_the_random_state() -> None:
    state = torch.random.get_rng_state()
    settings = ProfileSettings.model_validate({"model": "micronet", "input": [4, 1, 8, 8], "classes": 10})
    assert run_profile(settings, seed=0) == run_profile(settings, seed=7)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_users_errors() -> None:
    with pytest.raises(SettingsError, match="input has 2 dimensions"):
        _metrics("micronet", [4, 64])
    with pytest.raises(ModelError, match="no inverted residual block"):
        _metrics("conv-block", [1, 8, 4, 4], method="mobiletl")
