from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgebench.claim.settings import ModelSettings
from edgebench.errors import ModelError
from edgebench.measure.activations import measured_activation_bytes
from edgebench.measure.profile import Cost, Profile, profile
from edgebench.methods.mobiletl import convert
from edgebench.models import registry
from edgebench.models.micronet import MicroNet

_SHAPE = (8, 96, 7, 7)


def _model(name: str, channels: int = 3, classes: int = 1000, **options: object) -> nn.Module:
    settings = ModelSettings.model_validate({"name": name, **options})
    return registry.build(settings, in_channels=channels, classes=classes).train()


def _block(name: str, **options: object) -> nn.Module:
    return _model(name, 96, **options)


def _flops(counted: Profile) -> int:
    return counted.flops_forward + counted.flops_backward


# MobileTL, Table 1: (8, 96, 7, 7), expansion 1, 5x5.
@pytest.mark.parametrize(
    ("name", "options", "params", "megaflops", "stored"),
    [
        ("conv-block", {}, 230_592, 541.67, 305_760),
        ("mbv2-block", {"expansion": 1, "activation": "relu"}, 21_408, 51.56, 912_576),
        ("mbv3-block", {"expansion": 1}, 26_136, 52.91, 1_361_880),
    ],
)
def test_table_1(name: str, options: dict[str, object], params: int, megaflops: float, stored: int) -> None:
    counted = profile(_block(name, kernel=5, **options), _SHAPE, input_grad=True)
    assert counted.params == params
    assert _flops(counted) / 1e6 == pytest.approx(megaflops, rel=2e-4)
    assert counted.activation_bytes == stored


def test_table_1_operations_to_the_unit() -> None:
    options: dict[str, dict[str, object]] = {
        "conv-block": {},
        "mbv2-block": {"expansion": 1, "activation": "relu"},
        "mbv3-block": {"expansion": 1},
    }
    counts = [_flops(profile(_block(n, kernel=5, **o), _SHAPE, input_grad=True)) for n, o in options.items()]
    assert counts == [541_670_592, 51_555_552, 52_900_896]


# MobileTL, Figure 1: 46.3 % and 53.3 % at expansion 6.
@pytest.mark.parametrize(
    ("name", "vanilla", "mobiletl", "printed"),
    [("mbv2-block", 4_026_624, 2_163_840, 46.3), ("mbv3-block", 6_666_000, 3_109_776, 53.3)],
)
@pytest.mark.parametrize("kernel", [3, 5])
def test_figure_1(name: str, kernel: int, vanilla: int, mobiletl: int, printed: float) -> None:
    exact = profile(_block(name, kernel=kernel), _SHAPE)
    signed = profile(convert(_block(name, kernel=kernel)), _SHAPE)
    # The gradient reaches every activation from the first convolution on, so the input's makes no difference.
    assert (exact.activation_bytes, signed.activation_bytes) == (vanilla, mobiletl)
    assert round(100 * (1 - mobiletl / vanilla), 1) == printed


def test_figure_4_mobilenet_v3_small() -> None:
    counted = profile(_model("torchvision:mobilenet_v3_small", classes=100), (8, 3, 224, 224))
    assert counted.flops_forward / 1e6 == pytest.approx(1000.6, rel=2e-5)
    assert counted.flops_backward / 1e6 == pytest.approx(1934.92, rel=2e-5)
    assert round(counted.activation_bytes / 1e6, 1) == 129.7


@pytest.mark.parametrize(
    ("name", "options", "size", "params", "macs"),
    [
        ("mobilenet_v2", {}, 160, 3_504_872, 154_083_200),
        ("mobilenet_v2", {"width": 0.35}, 160, 1_677_128, 30_874_800),
        ("mobilenet_v3_small", {}, 224, 2_542_856, 56_510_400),
        ("resnet50", {}, 224, 25_557_032, 4_089_184_256),
    ],
)
def test_published_networks(name: str, options: dict[str, object], size: int, params: int, macs: int) -> None:
    counted = profile(_model(f"torchvision:{name}", **options), (1, 3, size, size))
    assert (counted.params, counted.macs) == (params, macs)


@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5", "resnet18"])
def test_multiply_accumulates_agree_with_torchs_own_counter(name: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    model = _model(f"torchvision:{name}").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    assert 2 * profile(model, (1, 3, 64, 64)).macs == counter.get_total_flops()


@pytest.mark.parametrize("name", ["mbv2-block", "mbv3-block", "micronet"])
def test_converted_models_really_keep_what_is_counted(name: str) -> None:
    """MobileTL's operators leave no slack between rule and reality, but for a few vectors."""
    shape = (16, 8, 8, 8)
    model = convert(_model(name, 8, 10))
    counted = profile(model, shape, input_grad=True).activation_bytes
    kept = measured_activation_bytes(model, torch.randn(shape, requires_grad=True))
    if name == "micronet":  # stem and mix have an exact ReLU6, of which torch keeps all 32 bits
        counted += 16 * (16 * 64 + 96 * 4) * 30 / 8
    assert kept == pytest.approx(counted, rel=0.02)


def test_leaves_the_model_as_it_was() -> None:
    model = MicroNet(10, dropout=0.3).train()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.random.get_rng_state()
    profile(model, (4, 1, 8, 8))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert all(t.device.type == "cpu" for t in model.state_dict().values())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_frozen_layers_cost_no_backward_and_keep_nothing() -> None:
    model = MicroNet(10).eval()
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    counted = profile(model, (4, 1, 8, 8))
    assert counted.trained_params == 970
    assert counted.activation_bits == 32 * 4 * 96
    assert counted.flops_backward == 2 * 4 * 960 - 960


def test_a_map_read_by_two_convolutions_is_kept_once() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.a(x) + self.b(x)
            return out

    counted = profile(Fork(), (2, 4, 5, 5))
    assert counted.activation_bits == 32 * 200
    assert [layer.kind for layer in counted.layers] == ["Conv2d", "Conv2d", "add"]
    assert counted.layers[2].cost.flops_forward == 200


def test_pooling_and_upsampling_as_functions() -> None:
    class Resample(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            small = nn.functional.avg_pool2d(super().forward(x), 2)
            return nn.functional.interpolate(small, size=(5, 5), mode="bilinear", align_corners=False)

    _, pool, upsample = profile(Resample(nn.Identity()), (2, 4, 5, 5), input_grad=True).layers
    assert (pool.kind, upsample.kind) == ("avg_pool2d", "interpolate")
    # As the layer; upsampling moves data.
    assert pool.cost == Cost(flops_backward=3 * 200)
    assert upsample.cost == Cost()


class _Calls(nn.Module):
    def __init__(self, function: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        if self.function == "relu":
            return nn.functional.relu(y)
        if self.function == "mul":
            return y * y
        if self.function == "mean":
            return y.mean(1)
        if self.function == "interpolate":
            return nn.functional.interpolate(y, scale_factor=2, mode="bicubic")
        return y.topk(2).values


@pytest.mark.parametrize("function", ["relu", "mul", "mean", "interpolate", "topk"])
def test_functions_without_a_rule_are_refused(function: str) -> None:
    net = nn.Sequential(nn.Identity(), _Calls(function))
    with pytest.raises(ModelError, match=f"^1: no counting rule for '{function}', called between .* _Calls"):
        profile(net, (2, 3, 4, 4))


def test_layers_without_a_rule_are_refused_by_path_and_class() -> None:
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(nn.SiLU()))
    with pytest.raises(ModelError, match=r"^1\.0: no counting rule for a layer of class SiLU"):
        profile(net, (1, 3, 4, 4))
    assert not net[0]._forward_hooks
    # Known only within squeeze and excitation.
    with pytest.raises(ModelError, match="class Hardsigmoid"):
        profile(nn.Sequential(nn.Hardsigmoid()), (1, 3, 4, 4))


def test_a_subclass_of_a_known_layer_is_not_taken_for_it() -> None:
    class Noisy(nn.ReLU):
        pass

    with pytest.raises(ModelError, match="class Noisy"):
        profile(Noisy(), (1, 3, 4, 4))


def test_an_impossible_input_is_the_users_error() -> None:
    with pytest.raises(ModelError, match=r"^stem.conv: MicroNet fails on an input of shape \(2, 3, 8, 8\)"):
        profile(MicroNet(10), (2, 3, 8, 8))
