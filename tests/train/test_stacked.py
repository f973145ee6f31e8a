"""Seeds in one program against the same seeds one after the other.

In float64 the two agree to far below anything that training could blow up, so that a mistake cannot hide behind
rounding. In float32 they differ as two trainings do whose initial weights differ in the last bit: 1e-7 grows wherever
an activation passes a kink. In a deep network on tiny maps, whose gradients are large, even 1e-15 becomes a per cent
within an epoch or two, stacked or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.settings import TrainSettings
from edgebench.data.batches import Batch
from edgebench.methods.hooks import Method
from edgebench.methods.signed import SignedReLU
from edgebench.run.record import Measured
from edgebench.train import stacked, trial
from edgebench.train.stacked import Stack, run_stacked, stackable
from edgebench.train.trial import Start, run_training
from tests.train.fixtures import settings

SEEDS = (0, 1, 2)
ARMS: list[dict[str, Any]] = [
    {"schedule": {"name": "cosine"}},
    {"augment": {"mixup": {"alpha": 0.4}}, "label_smoothing": 0.1},
    {"augment": {"randaugment": {"ops": 2, "magnitude": 9}, "mixup": {"alpha": 0.2}, "cutmix": {"alpha": 1.0}}},
    {"optimiser": {"name": "sgd", "lr": 0.02, "nesterov": True, "weight_decay": 1e-3}, "augment": {"flip": False}},
    {"optimiser": {"name": "adamw", "lr": 0.003, "momentum": None, "weight_decay": 0.5, "decay": "weights"}},
    {"optimiser": {"name": "nadam", "lr": 0.003, "momentum": None}, "schedule": {"name": "cosine", "warmup": 1}},
]  # fmt: skip
DEEP: list[dict[str, Any]] = [
    {"name": "mobilenet-v1", "width": 0.25, "stem": "small"},
    {"name": "torchvision:mobilenet_v2", "width": 0.35, "stem": "small"},
]


class Doubled(nn.Module):
    """A network in float64, whatever its images come in."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.double()

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.network(images.double())
        return out


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """Every network that is built, in float64; trained in place when it is trained alone."""
    built: list[nn.Module] = []
    original = trial.build_model

    def build(*arguments: Any) -> nn.Module:
        built.append(Doubled(original(*arguments)))
        return built[-1]

    monkeypatch.setattr(trial, "build_model", build)
    return built


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> list[Stack]:
    """Every stack that is made."""
    made: list[Stack] = []

    class Kept(Stack):
        def __init__(self, networks: Sequence[nn.Module]) -> None:
            super().__init__(networks)
            made.append(self)

    monkeypatch.setattr(stacked, "Stack", Kept)
    return made


def values(stack: Stack, index: int) -> dict[str, Tensor]:
    """One seed's parameters and buffers."""
    both = dict(zip(stack._names, stack._stacked, strict=True)) | stack._statistics
    return {name: each[index].detach() for name, each in both.items()}


def assert_close(one: Measured, other: Measured, tolerance: float) -> None:
    assert one.diverged == other.diverged
    assert one.curves.keys() == other.curves.keys()
    for name, curve in one.curves.items():
        assert curve == pytest.approx(other.curves[name], rel=tolerance), name
    timeless = [{**each.metrics, "train_seconds": 0.0} for each in (one, other)]
    left = [each.pop("params.nonzero") for each in timeless]
    assert left[0] == pytest.approx(left[1], abs=3), "a parameter may be zero by rounding alone"
    assert timeless[0] == pytest.approx(timeless[1], rel=tolerance)
    assert one.correct == other.correct


@pytest.mark.parametrize("arm", ARMS)
def test_seeds_are_trained_as_they_are_alone(
    networks: list[nn.Module], stacks: list[Stack], arm: dict[str, Any]
) -> None:
    one = settings(epochs=3, **arm)
    alone = [run_training(one, seed) for seed in SEEDS]
    trained = list(networks)
    together = run_stacked(one, SEEDS)
    assert len({measured.curves["val_loss"] for measured in alone}) == 3, "the seeds do differ"
    for index in range(3):
        assert_close(together[index], alone[index], 1e-9)
        expected, found = trained[index].state_dict(), values(stacks[0], index)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            assert torch.allclose(found[name], value, rtol=1e-7, atol=1e-9), name
            assert found[name].dtype == value.dtype


@pytest.mark.parametrize("model", DEEP)
def test_deep_networks_are_too(networks: list[nn.Module], stacks: list[Stack], model: dict[str, Any]) -> None:
    """Over the few steps after which rounding alone has not yet been blown up."""
    one = settings(model=model, epochs=1, batch=32, optimiser={"lr": 0.005})
    alone = [run_training(one, seed) for seed in SEEDS]
    together = run_stacked(one, SEEDS)
    for index in range(3):
        assert_close(together[index], alone[index], 1e-6)
        found = values(stacks[0], index)
        for name, value in networks[index].state_dict().items():
            assert torch.allclose(found[name], value, rtol=1e-5, atol=1e-6), name


@pytest.mark.parametrize("arm", ARMS[:2])
def test_in_single_precision_nothing_but_rounding_differs(arm: dict[str, Any]) -> None:
    one = settings(epochs=2, batch=32, **arm)
    alone, together = [run_training(one, seed) for seed in SEEDS], run_stacked(one, SEEDS)
    errors = [
        abs(found - expected) / expected
        for name in ("train_loss", "val_loss")
        for this, that in zip(together, alone, strict=True)
        for found, expected in zip(this.curves[name], that.curves[name], strict=True)
    ]
    assert max(errors) < 5e-3
    assert sorted(errors)[len(errors) // 2] < 1e-6


def test_the_order_of_seeds_does_not_matter(networks: list[nn.Module]) -> None:
    one = settings(augment={"mixup": {"alpha": 0.4}})
    first, second = run_stacked(one, SEEDS), run_stacked(one, (2, 0))
    assert_close(first[2], second[0], 1e-9)
    assert_close(first[0], second[1], 1e-9)


def test_the_time_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = run_training(settings(epochs=1), 0)
    clock = iter([10.0, 16.0])
    monkeypatch.setattr(stacked, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    for measured in run_stacked(settings(epochs=1), SEEDS):
        assert measured.metrics["train_seconds"] == 2.0
        assert measured.metrics["params"] == alone.metrics["params"]


class Spoilt:
    """Batches whose images become infinite in the second epoch."""

    def __init__(self, batches: Any) -> None:
        self.batches, self.epoch = batches, 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        self.epoch += 1
        for images, labels in self.batches:
            yield images * (math.inf if self.epoch == 2 else 1.0), labels


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes one seed diverge: in its second epoch, or in its first validation."""
    original = trial.set_up

    def of(seed: int, *, validation: bool = False) -> None:
        def set_up(one: TrainSettings, data: Any, index: int, *rest: Any) -> Start:
            start = original(one, data, index, *rest)
            if index != seed:
                return start
            if validation:
                return replace(start, validation=[(x * math.inf, y) for x, y in start.validation])
            return replace(start, batches=Spoilt(start.batches))  # type: ignore[arg-type]

        monkeypatch.setattr(trial, "set_up", set_up)
        monkeypatch.setattr(stacked, "set_up", set_up)

    return of


def test_a_seed_that_diverges_leaves_the_others_alone(spoil: Callable[..., None]) -> None:
    one = settings(epochs=3, augment={"mixup": {"alpha": 0.4}})
    sound = run_stacked(one, SEEDS)
    spoil(1)
    found, alone = run_stacked(one, SEEDS), run_training(one, 1)
    for index in (0, 2):
        assert found[index].curves == sound[index].curves, "bit for bit"
        assert found[index].correct == sound[index].correct
    assert found[1].diverged
    assert alone.diverged
    assert {len(curve) for curve in found[1].curves.values()} == {1}
    assert found[1].curves["val_loss"] == pytest.approx(alone.curves["val_loss"], rel=1e-4)
    measured = {"epochs", "macs", "model_bytes", "params", "params.nonzero", "train_seconds"}
    assert found[1].metrics.keys() == alone.metrics.keys() == measured
    assert found[1].correct is None


def test_a_validation_loss_that_is_not_finite_is_a_divergence_too(spoil: Callable[..., None]) -> None:
    spoil(1, validation=True)
    found, alone = run_stacked(settings(), SEEDS), run_training(settings(), 1)
    assert [measured.diverged for measured in found] == [False, True, False]
    assert alone.diverged
    assert found[1].curves == alone.curves
    assert set(found[1].curves.values()) == {()}


def test_a_program_of_which_every_seed_diverged_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[int] = []
    original = stacked.StackedBatches.__iter__

    def counted(self: Any) -> Iterator[Batch]:
        epochs.append(1)
        return original(self)

    monkeypatch.setattr(stacked.StackedBatches, "__iter__", counted)
    found = run_stacked(settings(epochs=4, optimiser={"lr": 1e30}), SEEDS)
    assert all(measured.diverged and measured.correct is None for measured in found)
    assert len(epochs) == 1


class Draws(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.empty_like(x).bernoulli_(0.5)


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Mixes(nn.Module):
    """Multiplies by how many networks there are."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * (2.0 if torch._C._functorch.is_batchedtensor(self.factor) else 1.0) * self.factor


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Dropout(0.5), "its dropout would draw other noise than for a seed alone"),
        (Draws(), "torch cannot stack micronet: vmap: called random operation"),
        (Decides(), "torch cannot stack micronet: vmap: It looks like you're attempting to use a Tensor in"),
        (SignedReLU(), "torch cannot stack micronet: "),
        (Mixes(), "a stack of micronet computes other values than the networks alone"),
    ],
)
def test_networks_that_cannot_be_stacked_are_refused_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, layer: nn.Module, reason: str
) -> None:
    original = stacked.build_model
    monkeypatch.setattr(stacked, "build_model", lambda *arguments: nn.Sequential(layer, original(*arguments)))
    found = stackable(settings())
    assert found is not None
    assert found.startswith(reason)
    assert "\n" not in found


def test_methods_that_act_on_the_network_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Holds(Method):
        def after_epoch(self, model: nn.Module, epoch: int) -> None:
            self.model = model

        def wrap(self, model: nn.Module) -> nn.Module:
            return model

    monkeypatch.setattr(stacked, "mixing_of", lambda *arguments: [Holds()])
    assert stackable(settings()) == "Holds acts on each network (after_epoch, wrap)"


@pytest.mark.parametrize("change", [*ARMS[:2], *({"model": model} for model in DEEP)])
def test_networks_that_tests_hold_against_separate_training_are_accepted(change: dict[str, Any]) -> None:
    assert stackable(settings(**change)) is None
