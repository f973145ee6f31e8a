"""When a training is compiled, and that it is then the same training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgebench.claim.settings import TrainSettings
from edgebench.run.record import Measured
from edgebench.train import compilation
from edgebench.train.compilation import Decision, Saving, compiled, decide
from edgebench.train.trial import run_training
from tests.train.fixtures import settings

SHAPE = (3, 32, 32)
IMAGES = torch.rand(8, 3, 6, 6, generator=torch.Generator().manual_seed(1)).contiguous(
    memory_format=torch.channels_last
)
LABELS = torch.arange(8) % 4


def arm(epochs: int, **model: Any) -> TrainSettings:
    return settings(model={"name": "torchvision:mobilenet_v2", "width": 0.35, **model}, epochs=epochs)


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU6(),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, so that nothing compiled before is found."""
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    return tmp_path


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "compiler", lambda: None)


@pytest.fixture
def some_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "compiler", lambda: "c++ 1.0")


@pytest.mark.usefixtures("some_compiler")
class TestDecision:
    def test_only_long_trainings_are_compiled(self) -> None:
        short, long = (decide(arm(epochs), 50_000, SHAPE, "cpu") for epochs in (8, 200))
        assert not short.on
        assert str(short) == "off: 400,000 images would save 21.2 s, a first compilation costs 43 s"
        assert long.on
        assert str(long) == "on: 10,000,000 images would save 530 s, a first compilation costs 43 s; c++ 1.0"

    def test_the_saving_has_to_be_twice_the_cost(self) -> None:
        saving = compilation._SAVINGS["torchvision:mobilenet_v2", None]
        enough = compilation.MARGIN * saving.cost / saving.seconds
        assert not decide(arm(1), int(enough) - 1, SHAPE, "cpu").on
        assert decide(arm(1), int(enough) + 1, SHAPE, "cpu").on

    def test_larger_networks_and_images_save_more(self) -> None:
        assert decide(arm(20, width=1.0), 50_000, SHAPE, "cpu").on
        assert decide(arm(20), 50_000, (3, 64, 64), "cpu").on
        assert not decide(arm(20), 50_000, SHAPE, "cpu").on
        assert decide(arm(20, stem="small"), 50_000, SHAPE, "cpu").on

    def test_what_is_not_measured_is_not_compiled(self) -> None:
        for chosen in (
            arm(10_000, name="mobilenet-v1"),
            arm(10_000, name="dual-path", width=None),
            arm(10_000, name="torchvision:mobilenet_v3_small"),
        ):
            decision = decide(chosen, 50_000, SHAPE, "cpu")
            assert not decision.on
            assert f"not measured for {chosen.model.name}" in decision.why
        assert decide(arm(10_000), 50_000, SHAPE, "cuda") == Decision(False, "not measured on a GPU")

    def test_stored_lengths_stay_as_they_are(self) -> None:
        """Records of these trainings exist: they were made without compiling."""
        for name, stem, epochs in (
            ("torchvision:mobilenet_v2", "small", 8),
            ("mobilenet-v1", "small", 15),
        ):
            assert not decide(arm(epochs, name=name, stem=stem), 10_000, SHAPE, "cpu").on
        assert not decide(settings(epochs=15), 1297, (1, 8, 8), "cpu").on


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_nothing_is_compiled() -> None:
    decision = decide(arm(200), 50_000, SHAPE, "cpu")
    assert not decision.on
    assert decision.why.startswith("no C++ compiler was found")


def test_a_missing_compiler_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert compilation.compiler() is None


def steps(model: nn.Module, forward: compilation.Forward) -> list[float]:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    torch.manual_seed(5)
    losses = []
    for _ in range(4):
        loss = cross_entropy(forward(IMAGES), LABELS)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    return losses


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return Tiny().to(memory_format=torch.channels_last)


needs_compiler = pytest.mark.skipif(compilation.compiler() is None, reason="there is no C++ compiler")


@needs_compiler
def test_compiled_steps_are_the_same_twice_and_near_eager_ones(cache: Path) -> None:
    eager = tiny()
    expected = steps(eager.train(), eager)
    found = []
    for _ in range(2):  # compiled, then from the cache
        torch.compiler.reset()
        model = tiny().eval()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        torch.manual_seed(9)
        noise = torch.get_rng_state()
        forward, said = compiled(model, torch.zeros_like(IMAGES))
        assert forward is not model
        assert said.startswith("compiled or loaded")
        assert not model.training
        assert torch.equal(noise, torch.get_rng_state())
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())
        losses = steps(model.train(), forward)
        found.append((losses, [value.clone() for value in model.state_dict().values()]))
    assert losses == pytest.approx(expected, rel=1e-4)
    assert found[0][0] == found[1][0], "bit for bit"
    assert all(torch.equal(one, other) for one, other in zip(found[0][1], found[1][1], strict=True))
    for value, other in zip(eager.state_dict().values(), found[0][1], strict=True):
        assert (value - other).abs().max() < 1e-4
    assert list((cache / "compiled").rglob("*.so"))


@pytest.mark.usefixtures("cache")
def test_where_compiling_fails_training_goes_on_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        def fails(images: Tensor) -> Tensor:
            model.layers[1](torch.randn(2, 4, 3, 3))  # what a half-done attempt may leave behind
            raise RuntimeError("the compiler crashed")

        return fails

    monkeypatch.setattr(torch, "compile", broken)
    plain = tiny()
    expected = steps(plain.train(), plain)
    model: Any = tiny().train()
    forward, said = compiled(model, IMAGES)
    assert forward is model
    assert said == "failed (RuntimeError: the compiler crashed)"
    assert steps(model, forward) == expected
    assert all(map(torch.equal, plain.state_dict().values(), model.state_dict().values()))


def results(measured: Measured) -> tuple[Any, ...]:
    scalars = {name: value for name, value in measured.metrics.items() if name != "train_seconds"}
    return scalars, measured.curves, measured.correct


def test_a_trial_says_what_was_decided(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(compilation, "compiler", lambda: "c++ 1.0")
    plain = run_training(settings(), 0)
    assert plain.how == {"compile": "off: 128 images would save 0.00179 s, a first compilation costs 23 s"}
    # As if it paid: what is compiled here is the network itself, so that the test takes no half minute.
    monkeypatch.setitem(compilation._SAVINGS, ("micronet", None), Saving(1.0, 64.0, 1.0))
    seen: list[tuple[int, ...]] = []

    def same(model: nn.Module, sample: Tensor) -> tuple[compilation.Forward, str]:
        def forward(images: Tensor) -> Tensor:
            seen.append(tuple(images.shape))
            assert images.stride() == sample.stride()
            out: Tensor = model(images)
            return out

        return forward, "done"

    monkeypatch.setattr("edgebench.train.trial.compiled", same)
    measured = run_training(settings(), 0)
    assert seen == [(16, 1, 8, 8)] * 8, "every training step, and no evaluation"
    assert measured.how["compiled"] == "done"
    assert str(measured.how["compile"]).startswith("on: ")
    assert results(measured) == results(plain)
