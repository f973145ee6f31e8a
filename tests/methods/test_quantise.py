"""Int8 quantisation against the arithmetic of its definition, done again in plain torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebench.claim.settings import MethodSettings, ModelSettings, QuantiseSettings
from edgebench.errors import ModelError, SettingsError
from edgebench.methods import options, strategy
from edgebench.methods.quantise import Quantised, int8
from edgebench.models import registry

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

BY_CHANNEL = QuantiseSettings(name="int8")
BY_TENSOR = QuantiseSettings(name="int8", per="tensor")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Small(nn.Module):
    """Every kind of layer of a MobileNetV2, once: convolution, depthwise, projection, shortcut, pooling, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.depth = nn.Sequential(
            nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
        )
        self.project = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.linear = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.project(self.depth(x))
        out: Tensor = self.linear(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return out


def warmed(model: nn.Module, shape: tuple[int, ...], seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A network whose normalisations have seen something, in evaluation mode, and images."""
    generator = torch.Generator().manual_seed(seed)
    model.train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(
                0.3 * parameter.std(correction=0) * torch.randn(parameter.shape, generator=generator)
            )
        for _ in range(8):
            model(torch.randn(32, *shape, generator=generator))
    return model.eval(), torch.randn(256, *shape, generator=generator)


@pytest.fixture
def small() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(1)
    return warmed(Small(), (3, 12, 12))


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution and the normalisation behind it as one."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return conv.weight * factor.view(-1, 1, 1, 1), norm.bias - norm.running_mean * factor


def map_scale(values: Tensor) -> tuple[float, int]:
    low, high = min(0.0, values.min().item()), max(0.0, values.max().item())
    scale = (high - low) / 255
    return scale, round(-low / scale)


def rounded(values: Tensor, scale: float, zero: int) -> Tensor:
    """On the grid of 256 values, as float."""
    return ((values / scale).round() + zero).clamp(0, 255).sub(zero).mul(scale)


@torch.no_grad()
def simulated(model: Small, images: Tensor, per_channel: bool) -> Tensor:
    """The quantised network in float arithmetic: rounded weights, biases and maps; ranges from the float network."""
    true, found = images, rounded(images, *map_scale(images))
    scale = map_scale(images)[0]

    def weight(w: Tensor) -> tuple[Tensor, Tensor]:
        most = w.abs().flatten(1).amax(1) if per_channel else w.abs().max().expand(len(w))
        steps = 2 * most / 255
        wide = steps.view(-1, *[1] * (w.dim() - 1))
        return (w / wide).round().clamp(-128, 127) * wide, steps

    def layer(true: Tensor, found: Tensor, scale: float, part: nn.Sequential) -> tuple[Tensor, Tensor, float]:
        conv, norm, *act = part
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        w, b = folded(conv, norm)
        near, steps = weight(w)
        whole = (b / (scale * steps)).round() * (scale * steps)
        shape = (conv.stride, conv.padding, (1, 1), conv.groups)
        true = functional.conv2d(true, w, b, *shape)
        found = functional.conv2d(found, near, whole, *shape)
        for each in act:
            true, found = each(true), each(found)
        return true, rounded(found, *map_scale(true)), map_scale(true)[0]

    true, found, scale = layer(true, found, scale, model.stem)
    depth = layer(true, found, scale, model.depth)
    branch = layer(*depth, model.project)
    true, found = true + branch[0], found + branch[1]
    found = rounded(found, *map_scale(true))
    true, found = (functional.adaptive_avg_pool2d(each, 1).flatten(1) for each in (true, found))
    found = rounded(found, *map_scale(true))
    scale = map_scale(true)[0]
    near, steps = weight(model.linear.weight)
    whole = (model.linear.bias / (scale * steps)).round() * (scale * steps)
    true, found = model.linear(true), functional.linear(found, near, whole)
    return rounded(found, *map_scale(true))


@pytest.mark.parametrize("settings", [BY_CHANNEL, BY_TENSOR], ids=["channel", "tensor"])
def test_it_computes_what_its_definition_says(
    small: tuple[Small, Tensor], settings: QuantiseSettings
) -> None:
    model, images = small
    found = int8(model, images, settings)(images)
    expected = simulated(model, images, settings.per == "channel")
    with torch.inference_mode():
        exact = model(images)
    step = map_scale(exact)[0]
    apart, noise = (found - expected).abs() / step, (found - exact).abs() / step
    assert noise.mean() > 0.2, "it really rounds"
    assert apart.max() <= 1.01, "a map's rounding may fall to the other side here and there"
    assert apart.mean() < 0.1 * noise.mean()


@pytest.mark.parametrize("settings", [BY_CHANNEL, BY_TENSOR], ids=["channel", "tensor"])
def test_weights_are_integers_with_a_scale_for_each_channel(
    small: tuple[Small, Tensor], settings: QuantiseSettings
) -> None:
    model, images = small
    content = int8(model, images, settings).content
    graph = onnx.load_model_from_string(content).graph
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    weights = {
        name: value for name, value in stored.items() if name.endswith("_quantized") and value.ndim > 1
    }
    assert [value.shape for value in weights.values()] == [(8, 3, 3, 3), (8, 1, 3, 3), (8, 8, 1, 1), (5, 8)]
    for name, value in weights.items():
        scale = stored[name.replace("_quantized", "_scale")]
        zero = stored[name.replace("_quantized", "_zero_point")]
        assert value.dtype == np.uint8
        assert np.all(zero == 128), "symmetric"
        assert scale.size == (len(value) if settings.per == "channel" else 1)
    biases = [value for name, value in stored.items() if name.endswith("_quantized") and value.ndim == 1]
    assert {value.dtype.name for value in biases} == {"int32"}
    assert sorted(value.size for value in biases) == [5, 8, 8, 8]
    assert not [value for value in stored.values() if value.dtype == np.float32 and value.size > 8]
    w, _ = folded(model.stem[0], model.stem[1])  # type: ignore[arg-type]
    first = next(iter(weights))
    back = (weights[first].astype(np.float32) - 128) * stored[first.replace("_quantized", "_scale")].reshape(
        -1, 1, 1, 1
    )
    half = stored[first.replace("_quantized", "_scale")].max() / 2
    assert np.abs(back - w.detach().numpy()).max() <= 1.01 * half


def test_one_scale_for_all_channels_is_that_of_the_widest(small: tuple[Small, Tensor]) -> None:
    scales = []
    for settings in (BY_CHANNEL, BY_TENSOR):
        graph = onnx.load_model_from_string(int8(*small, settings).content).graph
        stored = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
        scales.append(stored["linear.weight_scale"])
    assert scales[0].max() == pytest.approx(scales[1].item())
    assert len(np.unique(scales[0])) == 5


def test_the_same_each_time_and_for_any_batch(small: tuple[Small, Tensor]) -> None:
    model, images = small
    one, other = (int8(model, images, BY_CHANNEL) for _ in range(2))
    assert one.content == other.content
    out = one(images)
    assert torch.equal(out, other(images))
    assert torch.equal(out, torch.cat([one(part) for part in images.split(100)]))
    assert torch.equal(out, one(images.to(memory_format=torch.channels_last)))


def test_the_network_stays_as_it_is_and_the_quantised_one_is_a_third(small: tuple[Small, Tensor]) -> None:
    model, images = small
    before = {name: each.clone() for name, each in model.state_dict().items()}
    quantised = int8(model, images, BY_CHANNEL)
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    whole = sum(each.numel() * each.element_size() for each in model.state_dict().values())
    assert 400 < quantised.model_bytes < 0.5 * whole


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        (ModelSettings(name="micronet"), (1, 8, 8)),
        (ModelSettings(name="micronet", activation="hardswish", se=True), (1, 8, 8)),
        (ModelSettings(name="mbv2-w0.35"), (3, 32, 32)),
        (ModelSettings(name="mobilenet-v1", width=0.25), (3, 32, 32)),
        (ModelSettings(name="torchvision:mobilenet_v2", width=0.35), (3, 32, 32)),
    ],
    ids=lambda each: each.name if isinstance(each, ModelSettings) else "",
)
def test_networks_keep_their_outputs_but_for_noise(settings: ModelSettings, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    built = registry.build(settings, in_channels=shape[0], classes=10, size=(shape[1], shape[2]))
    model, images = warmed(built, shape)
    found = int8(model, images[:128], BY_CHANNEL)(images)
    with torch.inference_mode():
        exact = model(images)
    assert 0.0 < (found - exact).std() / exact.std() < 0.15


QUANTISABLE = [
    MethodSettings(name="ft-all"),
    MethodSettings(name="ft-last", frozen_bits=8),
    MethodSettings(name="ft-bn"),
    MethodSettings(name="ft-bias"),
    MethodSettings(name="tinytl-b"),
    MethodSettings(name="ft-blocks", blocks=2),
]


@pytest.mark.parametrize("method", QUANTISABLE, ids=lambda each: each.name)
def test_networks_of_plain_strategies_can_be_quantised(method: MethodSettings) -> None:
    options.check_quantisable(method)
    built = registry.build(ModelSettings(name="micronet"), in_channels=1, classes=10, size=(8, 8))
    model, images = warmed(built, (1, 8, 8))
    model = strategy.apply(model, method, size=(8, 8)).eval()
    found = int8(model, images, BY_CHANNEL)(images)
    with torch.inference_mode():
        assert (found - model(images)).std() < 0.15 * found.std()


def test_others_are_refused() -> None:
    with pytest.raises(SettingsError, match="networks of method 'mobiletl' cannot be quantised"):
        options.check_quantisable(MethodSettings(name="mobiletl"))
    with pytest.raises(SettingsError, match="'ft-blocks' with patches cannot"):
        options.check_quantisable(MethodSettings(name="ft-blocks", blocks=2, patches=True))


class Unknown(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.eigvals(x).real.flatten(1)


class Deciding(nn.Module):
    """Decides by its input what it computes, which tracing does not see."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) * (2.0 if len(x) > 2 else 1.0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Unknown(), "Unknown cannot be quantised to int8"),
        (Deciding(), "computes something else once it is exported"),
    ],
)
def test_networks_that_cannot_be_quantised(model: nn.Module, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        int8(model, torch.randn(8, 1, 4, 4), BY_CHANNEL)


def test_without_the_library_the_error_says_what_to_install(
    small: tuple[Small, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SettingsError, match="quantise needs ONNX Runtime") as caught:
        int8(*small, BY_CHANNEL)
    assert caught.value.hint == "install it with: pip install onnx onnxruntime"


def test_nothing_is_shared_with_the_trained_network(small: tuple[Small, Tensor]) -> None:
    assert not list(int8(*small, BY_CHANNEL).parameters())
    assert isinstance(int8(*small, BY_CHANNEL), Quantised)
