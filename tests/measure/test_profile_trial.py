from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from edgebench.claim.settings import ModelSettings, ProfileSettings
from edgebench.errors import ModelError, SettingsError
from edgebench.measure.profile_trial import counted, run_profile
from edgebench.models import registry


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
    with pytest.raises(ModelError, match="no inverted residual"):
        _metrics("conv-block", [1, 8, 4, 4], method="mobiletl")
    with pytest.raises(ModelError, match="7 blocks are to be trained"):
        _metrics("micronet", [4, 1, 8, 8], method={"name": "mobiletl", "blocks": 7})
    with pytest.raises(SettingsError, match="'ft-blocks' lacks 'blocks'"):
        _metrics("micronet", [4, 1, 8, 8], method="ft-blocks")


# MobileTL, Table 5, the last two rows.
@pytest.mark.parametrize(
    ("main", "trained", "megabytes"), [(None, 2_211_466, 35.8), ("frozen", 1_060_362, 32.3)]
)
def test_a_strategy_with_patches(main: str | None, trained: int, megabytes: float) -> None:
    method = {"name": "mobiletl", "blocks": 3, "patches": True, "main": main}
    metrics = _metrics("proxyless-mobile", [8, 3, 224, 224], classes=10, method=method)
    assert metrics["params.trained"] == trained
    assert round(metrics["memory.counted"] / 1e6, 1) == megabytes
    assert metrics["activation_bytes"] == metrics["activation_bytes.stock"]


def test_memory_is_the_sum_of_its_parts() -> None:
    metrics = _metrics("micronet", [4, 1, 8, 8], classes=10)
    passes = max(metrics["memory.counted.forward"], metrics["memory.counted.backward"])
    assert metrics["memory.counted.params"] == 4 * metrics["params"] == 4 * metrics["params.trained"]
    assert metrics["memory.counted"] == metrics["memory.counted.params"] + passes
    assert metrics["memory.counted.backward"] >= metrics["activation_bytes.counted"]


def test_costs_of_a_training_leave_its_model_alone() -> None:
    model = registry.build(ModelSettings(name="micronet", dropout=0.1), in_channels=1, classes=10).eval()
    model.get_submodule("mix").train()
    modes = [module.training for module in model.modules()]
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.random.get_rng_state()
    costs = counted(model, (4, 1, 8, 8))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    profiled = _metrics({"name": "micronet", "dropout": 0.1}, [4, 1, 8, 8], classes=10)
    assert set(costs) == {
        "params.trained",
        "flops",
        "memory.counted",
        "activation_bytes",
        "activation_bytes.counted",
    }
    assert costs == {name: profiled[name] for name in costs}
