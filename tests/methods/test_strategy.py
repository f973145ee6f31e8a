from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from edgebench.claim.settings import MethodSettings, ModelSettings
from edgebench.errors import ModelError, SettingsError
from edgebench.methods.strategy import apply, explain, frozen_prefix
from edgebench.models import registry


def _method(name: str, **options: Any) -> MethodSettings:
    return MethodSettings.model_validate({"name": name, **options})


def _build(name: str, classes: int = 4) -> nn.Module:
    return registry.build(ModelSettings(name=name), in_channels=3, classes=classes)


def _trained(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


# MobileTL, Tables 3 and 5; the rows that did not survive in the text, by the same rule.
@pytest.mark.parametrize(
    ("classes", "method", "expected"),
    [
        (100, _method("ft-all"), 2_927_612),
        (100, _method("ft-bn"), 162_596),
        (100, _method("ft-bias"), 145_348),
        (100, _method("ft-blocks", blocks=3), 1_695_972),
        (100, _method("ft-last"), 128_100),
        (100, _method("tinytl-b"), 145_348),
        (100, _method("tinytl-l"), 1_944_516),
        (100, _method("tinytl-l-b"), 1_959_748),
        (100, _method("mobiletl", blocks=3), 1_691_364),
        (10, _method("ft-blocks", blocks=3), 1_580_682),
        (10, _method("mobiletl", blocks=3), 1_576_074),
        (10, _method("mobiletl", blocks=3, patches=True), 2_211_466),
        (10, _method("mobiletl", blocks=3, patches=True, main="frozen"), 1_060_362),
    ],
    ids=str,
)
def test_trained_parameters_of_proxyless_mobile(classes: int, method: MethodSettings, expected: int) -> None:
    assert _trained(apply(_build("proxyless-mobile", classes), method, size=(224, 224))) == expected


# MobileTL, Table 4.
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (_method("ft-blocks", blocks=3), 1_337_586),
        (_method("ft-blocks", blocks=3, substitute="remove-se"), 962_538),
        (_method("ft-blocks", blocks=3, substitute="relu"), 1_337_586),
        (_method("mobiletl", blocks=3), 1_334_706),
    ],
    ids=str,
)
def test_trained_parameters_of_mobilenet_v3(method: MethodSettings, expected: int) -> None:
    assert _trained(apply(_build("torchvision:mobilenet_v3_small", 10), method)) == expected


_METHODS = [
    _method("ft-last"),
    _method("ft-bn"),
    _method("ft-bias"),
    _method("ft-bn", frozen_bits=8),
    _method("ft-blocks", blocks=2),
    _method("ft-blocks", blocks=2, patches=True),
    _method("tinytl-l"),
    _method("tinytl-l-b"),
    _method("mobiletl", blocks=2),
    _method("mobiletl", blocks=2, frozen_bits=8),
    _method("mobiletl", blocks=2, norms="all-bn-shift"),
    _method("mobiletl", blocks=2, patches=True, main="frozen", frozen_bits=8),
]


@pytest.mark.parametrize("method", _METHODS, ids=str)
def test_exactly_what_trains_changes_and_outputs_in_evaluation_do_not(method: MethodSettings) -> None:
    model = _build("micronet")
    model(torch.randn(16, 3, 8, 8))
    x = torch.randn(6, 3, 8, 8)
    before = model.eval()(x).detach()
    model = apply(model.train(), method, size=(8, 8)).to(memory_format=torch.channels_last)
    tolerance = 0.05 if method.frozen_bits else 1e-5
    torch.testing.assert_close(model.eval()(x), before, rtol=0, atol=tolerance * float(before.abs().max()))
    model.train()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        model(x).square().sum().backward()
        optimiser.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, state[name])}
    stored = {
        name
        for name in changed
        if name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
    }
    # A weight may stand still by chance; one that gets a gradient is trained.
    assert changed - stored <= set(trained)
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_gradient == set(trained)
    batch = [n for n, m in model.named_modules() if type(m) is nn.BatchNorm2d]
    assert {name.rpartition(".")[0] for name in stored} == set(batch)
    # Where batch statistics are taken, the scale trains too.
    assert all(f"{name}.weight" in trained for name in batch)


@pytest.mark.parametrize(
    ("norms", "full"),
    [
        ("proj-bn", {"project"}),
        ("exp-bn", {"expand"}),
        ("dw-bn", {"depthwise"}),
        ("all-bn", {"expand", "depthwise", "project"}),
        ("all-bn-shift", set()),
    ],
)
def test_variants_of_figure_6(norms: str, full: set[str]) -> None:
    model = apply(_build("micronet"), _method("mobiletl", blocks=1, norms=norms))
    block = model.get_submodule("blocks.4")
    for stage in ("expand", "depthwise", "project"):
        norm = block.get_submodule(f"{stage}.bn")
        assert (type(norm) is nn.BatchNorm2d) == (stage in full)
        assert norm.get_parameter("weight").requires_grad == (stage in full)
        assert norm.get_parameter("bias").requires_grad


@pytest.mark.parametrize("name", ["micro-resnet", "micronet", "torchvision:mobilenet_v3_small", "mcunet"])
@pytest.mark.parametrize(
    "method", [_method("mobiletl", blocks=2), _method("ft-last", frozen_bits=8)], ids=str
)
def test_prefix_and_rest_are_the_model(name: str, method: MethodSettings) -> None:
    model = apply(_build(name), method)
    cut = frozen_prefix(model)
    assert cut is not None
    prefix, rest = cut
    x = torch.randn(4, 3, 32, 32)
    assert torch.equal(prefix.train()(x), prefix.eval()(x))
    assert not any(parameter.requires_grad for parameter in prefix.parameters())
    assert {p for p in rest.parameters() if p.requires_grad} == {
        p for p in model.parameters() if p.requires_grad
    }
    for mode in (False, True):
        torch.manual_seed(0)
        # Training moves the statistics, which outputs in training do not depend on.
        expected = copy.deepcopy(model).train(mode)(x)
        torch.manual_seed(0)
        assert torch.equal(rest.train(mode)(prefix(x)), expected)
    first = next(iter(rest.children()))
    assert first.training or not any(p.requires_grad for p in first.parameters())


def test_no_prefix_where_everything_trains_or_the_order_is_unknown() -> None:
    assert frozen_prefix(apply(_build("micronet"), _method("ft-all"))) is None
    assert frozen_prefix(apply(_build("micronet"), _method("ft-bn"))) is None
    mnasnet = torchvision.models.mnasnet0_5(weights=None)
    assert frozen_prefix(apply(mnasnet, _method("ft-last"))) is None


def test_dropout_before_the_classifier_goes_on() -> None:
    model = registry.build(ModelSettings(name="micronet", dropout=0.5), in_channels=3, classes=4)
    model = apply(model, _method("ft-last")).train()
    x = torch.randn(2, 3, 8, 8)
    assert not torch.equal(model(x), model(x))
    cut = frozen_prefix(model)
    assert cut is not None
    assert [type(m) for m in cut[1].children()] == [nn.Dropout, nn.Linear]


def test_eight_bits_shrink_the_frozen_part() -> None:
    def stored(model: nn.Module) -> int:
        return sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))

    model = _build("proxyless-mobile")
    whole, weights = stored(model), sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Conv2d))
    small = apply(model, _method("ft-last", frozen_bits=8))
    scales = sum(m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d))
    assert stored(small) == whole - 3 * weights + 4 * scales


@pytest.mark.parametrize(
    "method", [_method("mobiletl", blocks=2, frozen_bits=8), _method("tinytl-l-b")], ids=str
)
def test_copies_and_pickles(method: MethodSettings) -> None:
    model = apply(_build("micronet"), method, size=(8, 8)).eval()
    x = torch.randn(2, 3, 8, 8)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x), model(x))
        assert _trained(other) == _trained(model)


@pytest.mark.parametrize(
    ("name", "method", "message"),
    [
        (
            "micronet",
            _method("ft-blocks", blocks=6),
            r"6 blocks are to be trained, and MicroNet has 5; .*blocks\.4",
        ),
        ("mobilenet-v1", _method("mobiletl", blocks=1), "no inverted residual block and no residual block"),
        (
            "micronet",
            _method("ft-blocks", blocks=1, substitute="remove-se"),
            "nothing to replace: no squeeze",
        ),
        (
            "micro-resnet",
            _method("ft-blocks", blocks=1, substitute="relu"),
            "nothing to replace: no activation",
        ),
        ("micro-resnet", _method("mobiletl", blocks=1, norms="dw-bn"), "no normalisation called 'dw-bn'"),
        ("micro-resnet", _method("mobiletl", blocks=1, patches=True), "patches beside blocks of ordinary"),
        ("micro-resnet", _method("tinytl-l"), "no inverted residual block with an expansion"),
        ("micronet", _method("tinytl-l"), "depend on the size of the images"),
        ("mbv2-block", _method("ft-last"), "no classifier"),
        ("torchvision:squeezenet1_0", _method("ft-bias"), "no classifier"),
    ],
)
def test_refused(name: str, method: MethodSettings, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        apply(_build(name), method)


@pytest.mark.parametrize(
    ("place", "norm"),
    [
        ("features.0.1", nn.InstanceNorm2d(16, affine=True)),  # below the blocks that train
        ("features.6.block.0.1", nn.BatchNorm2d(240, affine=False)),
        ("features.11.block.1.1", nn.BatchNorm2d(576, track_running_stats=False)),  # inside one
        ("features.11.block.1.1", type("Own", (nn.BatchNorm2d,), {"forward": lambda self, x: x})(576)),
    ],
)
@pytest.mark.parametrize(
    "method",
    [
        _method("mobiletl", blocks=3),
        _method("mobiletl", blocks=3, substitute="relu"),
        _method("mobiletl", blocks=3, substitute="remove-se"),
        _method("mobiletl", blocks=3, patches=True, main="frozen"),
        _method("ft-bias"),
        _method("tinytl-l-b"),
    ],
    ids=str,
)
def test_a_refused_network_is_left_as_it_was(method: MethodSettings, place: str, norm: nn.Module) -> None:
    model = torchvision.models.mobilenet_v3_small(weights=None).requires_grad_(False)
    model.set_submodule(place, norm)
    layers = dict(model.named_modules())
    flags = [parameter.requires_grad for parameter in model.parameters()]
    with pytest.raises(ModelError, match="cannot be made to keep its statistics"):
        apply(model, method, size=(64, 64))
    assert dict(model.named_modules()) == layers
    assert [parameter.requires_grad for parameter in model.parameters()] == flags


def test_a_strategy_is_applied_once_and_checks_its_options() -> None:
    model = apply(_build("micronet"), _method("ft-last"))
    with pytest.raises(ModelError, match="a strategy was applied to this MicroNet before"):
        apply(model, _method("ft-all"))
    with pytest.raises(SettingsError, match="lacks 'blocks'"):
        apply(_build("micronet"), _method("ft-blocks"))


def test_a_batch_of_one_pixel_is_explained() -> None:
    model = apply(_build("mobilenetv2-tiny"), _method("mobiletl", blocks=1)).train()
    with pytest.raises(ValueError, match="more than 1 value") as caught:
        model(torch.randn(1, 3, 32, 32))
    explained = explain(caught.value)
    assert explained is not None
    assert "a batch of 1 whose map is one pixel" in str(explained)
    assert explain(ValueError("expected 4D input")) is None
