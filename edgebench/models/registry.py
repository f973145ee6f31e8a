"""The names that `model:` accepts in a claim file, and the networks behind them.

Importing this module imports no torch: names and options are checked from a static table, and only `build`
imports the code of the one network it was asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgebench import plugins
from edgebench.claim.settings import ModelSettings
from edgebench.errors import SettingsError, did_you_mean
from edgebench.plugins import Model as Entry

if TYPE_CHECKING:
    from torch import nn

_TIMM = "timm:"


def _torchvision(*options: str, names: str, summary: str) -> dict[str, Entry]:
    target = "edgebench.models.torchvision_models:build"
    entry = Entry(target, options, summary, ("name", "in_channels", "classes"))
    return {f"torchvision:{name}": entry for name in names.split()}


def _mobile(target: str, summary: str) -> Entry:
    return Entry(f"edgebench.models.{target}", ("dropout",), summary, ("in_channels", "classes"))


_BLOCK = ("channels", "kernel", "expansion", "activation")
_ENTRIES: dict[str, Entry] = {
    "micronet": Entry(
        "edgebench.models.micronet:MicroNet",
        ("width", "dropout", "activation", "se"),
        "MobileNetV2 in miniature, for 8x8 images",
        ("in_channels", "classes"),
    ),
    "micro-resnet": Entry(
        "edgebench.models.micro_resnet:MicroResNet",
        ("dropout",),
        "residual network in miniature, for 8x8 images",
        ("in_channels", "classes"),
    ),
    "proxyless-mobile": Entry(
        "edgebench.models.proxyless:proxyless_mobile",
        ("width", "dropout"),
        "Proxyless-Mobile",
        ("in_channels", "classes"),
    ),
    "mobilenetv2-tiny": _mobile(
        "mobilenet_v2_tiny:mobilenet_v2_tiny", "MobileNetV2-Tiny, the end scaled too"
    ),
    "mobilenetv2-15k": _mobile(
        "mobilenet_v2_small:mobilenet_v2_15k", "MobileNetV2 of 14,858 parameters, for small grey images"
    ),
    "mobilenetv2-20k": _mobile(
        "mobilenet_v2_small:mobilenet_v2_20k", "MobileNetV2 of 19,498 parameters, for small colour images"
    ),
    "mobilenetv3-large": Entry(
        "edgebench.models.mobilenet_v3:MobileNetV3",
        ("width", "dropout"),
        "MobileNetV3-Large, the head unscaled below width 1",
        ("in_channels", "classes"),
    ),
    "mcunet": _mobile("mcunet:mcunet", "MCUNet for ImageNet (in3)"),
    "mbv2-w0.35": _mobile(
        "pretrained_tiny:mbv2_w035", "MobileNetV2-Tiny without mix layer, has a checkpoint"
    ),
    "proxyless-w0.3": _mobile("pretrained_tiny:proxyless_w03", "Proxyless-Mobile, small; has a checkpoint"),
    "mcunet-5fps": _mobile("pretrained_tiny:mcunet_5fps", "MCUNet, small; has a checkpoint"),
    "mobilenet-v1": Entry(
        "edgebench.models.mobilenet_v1:MobileNetV1",
        ("width", "dropout", "stem"),
        "MobileNet v1, depthwise-separable convolutions only",
        ("in_channels", "classes"),
    ),
    "dual-input": Entry(
        "edgebench.models.dual_input:DualInput",
        ("paths", "width"),
        "the submodels of dual-path, each with an output of its own",
        ("in_channels", "classes", "size"),
    ),
    "dual-path": Entry(
        "edgebench.models.dual_path:DualPath",
        ("paths", "width", "dropout"),
        "two small networks side by side, joined by dense layers",
        ("in_channels", "classes", "size"),
    ),
    "conv-block": Entry(
        "edgebench.models.irb:ConvBlock",
        ("channels", "kernel", "activation"),
        "convolution, normalisation, activation",
    ),
    "mbv2-block": Entry("edgebench.models.blocks:mbv2_block", _BLOCK, "inverted residual of MobileNetV2"),
    "mbv3-block": Entry(
        "edgebench.models.blocks:mbv3_block", _BLOCK, "inverted residual of MobileNetV3, with SE"
    ),
    "full-conv": Entry(
        "edgebench.models.separable:full_conv", ("channels", "kernel"), "one ordinary convolution, no bias"
    ),
    "separable-conv": Entry(
        "edgebench.models.separable:separable_conv",
        ("channels", "kernel"),
        "depthwise and pointwise convolution, no bias",
    ),
    "relu": Entry("torch.nn:ReLU", (), "the activation alone"),
    "relu6": Entry("torch.nn:ReLU6", (), "the activation alone"),
    "hardswish": Entry("torch.nn:Hardswish", (), "the activation alone"),
    **_torchvision(
        "width",
        "stem",
        "dropout",
        names="mobilenet_v2 mobilenet_v3_small mobilenet_v3_large",
        summary="torchvision's MobileNet, untrained",
    ),
    **_torchvision(
        "stem",
        "dropout",
        names="resnet18 resnet34 resnet50 resnet101 resnet152",
        summary="torchvision's residual network, untrained",
    ),
    **_torchvision(
        "stem",
        "dropout",
        names="efficientnet_b0 efficientnet_b1 efficientnet_b2 mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 "
        "shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0",
        summary="torchvision's mobile network, untrained",
    ),
    **_torchvision(
        "dropout", names="squeezenet1_0 squeezenet1_1", summary="torchvision's SqueezeNet, untrained"
    ),
}
_TIMM_ENTRY = Entry(
    "edgebench.models.timm_models:build",
    ("dropout",),
    "timm's network of that name, untrained",
    ("name", "in_channels", "classes"),
)


def names() -> list[str]:
    """Every registered name; `timm:NAME` is accepted for any that timm knows, `PACKAGE:NAME` for what others add."""
    return sorted(_ENTRIES)


def entry(name: str) -> Entry:
    """What is registered under `name`.

    Raises:
        SettingsError: nothing is.
    """
    if name.startswith(_TIMM) and name != _TIMM:
        return _TIMM_ENTRY
    if plugins.provides(Entry, name):
        return plugins.entry(Entry, name)
    if name not in _ENTRIES:
        raise SettingsError(
            f"no model is called '{name}'",
            expected=f"{', '.join(n for n in _ENTRIES if ':' not in n)}, torchvision:NAME, timm:NAME or PACKAGE:NAME",
            hint=did_you_mean(name, _ENTRIES),
        )
    return _ENTRIES[name]


def is_block(name: str) -> bool:
    """Whether `name` is a single block or layer, not a classifier: a piece from the middle of a network.

    Raises:
        SettingsError: nothing is registered under `name`.
    """
    return "classes" not in entry(name).passes


def check(settings: ModelSettings) -> None:
    """Accept the settings or say what is wrong, without importing torch.

    Raises:
        SettingsError: unknown name, or an option that this model does not have.
    """
    accepted = entry(settings.name).options
    for option in _given(settings):
        if option not in accepted:
            raise SettingsError(
                f"model '{settings.name}' has no option '{option}'",
                expected=f"one of {', '.join(accepted)}" if accepted else "no options",
            )
    if settings.kernel is not None and settings.kernel % 2 == 0:
        raise SettingsError(
            f"kernel is {settings.kernel}", expected="an odd number, so that padding is symmetric"
        )


def build(
    settings: ModelSettings, *, in_channels: int, classes: int, size: tuple[int, int] | None = None
) -> nn.Module:
    """The network, with fresh weights from torch's current random state.

    A single block has `in_channels` channels unless `channels` is given, and ignores `classes`.

    Args:
        settings: name and options.
        in_channels: of the input.
        classes: outputs of a classifier.
        size: height and width of the input, for networks whose layers depend on it; their own default if not given.

    Raises:
        SettingsError: as `check`; or `channels` differs from the input's.
        ModelError: the network needs a package that is not installed, or larger images.
    """
    check(settings)
    found = entry(settings.name)
    arguments: dict[str, Any] = _given(settings)
    if "channels" in found.options and arguments.setdefault("channels", in_channels) != in_channels:
        raise SettingsError(
            f"model '{settings.name}' has channels {settings.channels}, its input has {in_channels}",
            expected="equal numbers; `channels` may be left out",
        )
    offered = {
        "name": settings.name.partition(":")[2],
        "in_channels": in_channels,
        "classes": classes,
        "size": size,
    }
    arguments.update({key: offered[key] for key in found.passes if offered[key] is not None})
    if plugins.provides(Entry, settings.name):
        build_it = plugins.target(Entry, settings.name, found.target)
    else:
        module, _, attribute = found.target.partition(":")
        build_it = getattr(import_module(module), attribute)
    model: nn.Module = build_it(**arguments)
    return model


def _given(settings: ModelSettings) -> dict[str, Any]:
    return settings.model_dump(exclude={"name"}, exclude_none=True)
