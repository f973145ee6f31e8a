"""torchvision's classification networks, untrained, adapted to small images and other channel numbers.

Differences from torchvision's builders: no pretrained weights, and no dropout unless it is asked for
(torchvision's MobileNets and EfficientNets drop 20 % and more by default, which would make a `plain` arm
anything but plain).
"""

from __future__ import annotations

from typing import Any

from torch import nn

from edgebench.errors import ModelError, SettingsError

# Networks whose builder takes the dropout probability; the others get a dropout layer before their
# classifier.
_OWN_DROPOUT = ("mobilenet", "efficientnet", "mnasnet", "squeezenet")
_HEADS = ("fc", "classifier")


def build(
    name: str,
    *,
    in_channels: int = 3,
    classes: int = 1000,
    width: float | None = None,
    stem: str | None = None,
    dropout: float | None = None,
) -> nn.Module:
    """The torchvision network `name`, freshly initialised; (N, in_channels, H, W) to (N, classes).

    Args:
        name: torchvision's name, without a prefix.
        in_channels: of the image; other than 3, the first convolution is replaced.
        classes: outputs.
        width: channel multiplier (MobileNets only).
        stem: `small` for images of 32 px and less: stride 1 in the first convolution and no max-pooling after
            it; a residual network's first convolution becomes 3×3.
        dropout: probability before the classifier; none if not given.

    Raises:
        SettingsError: the network has no channel multiplier, but `width` is given.
        ModelError: the network has no first convolution or classifier that could be adapted.
    """
    import torchvision

    arguments: dict[str, Any] = {"weights": None, "num_classes": classes}
    if name.startswith(_OWN_DROPOUT):
        arguments["dropout"] = dropout or 0.0
    if width is not None:
        if not name.startswith("mobilenet"):
            raise SettingsError(
                f"'torchvision:{name}' has no channel multiplier",
                expected="`width` only with torchvision's MobileNets",
            )
        arguments["width_mult"] = width
    model: nn.Module = torchvision.models.get_model(name, **arguments)
    if in_channels != 3 or stem == "small":
        _replace_first_convolution(model, name, in_channels, small=stem == "small")
    if dropout and not name.startswith(_OWN_DROPOUT):
        _insert_dropout(model, name, dropout)
    return model


def _replace_first_convolution(model: nn.Module, name: str, in_channels: int, *, small: bool) -> None:
    found = next(((path, m) for path, m in model.named_modules() if isinstance(m, nn.Conv2d)), None)
    if found is None:
        raise ModelError("the network has no convolution to adapt to the image", where=f"torchvision:{name}")
    path, old = found
    layout: dict[str, Any] = {"kernel_size": old.kernel_size, "stride": old.stride, "padding": old.padding}
    if small:
        layout["stride"] = 1
        if name.startswith("resnet"):
            layout.update(kernel_size=3, padding=1)
        if hasattr(model, "maxpool"):
            model.maxpool = nn.Identity()
    new = nn.Conv2d(in_channels, old.out_channels, bias=old.bias is not None, **layout)
    # Fan-out He, as in every torchvision family here that does not leave torch's default.
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    parent, _, attribute = path.rpartition(".")
    setattr(model.get_submodule(parent), attribute, new)


def _insert_dropout(model: nn.Module, name: str, dropout: float) -> None:
    for head in _HEADS:
        layer = getattr(model, head, None)
        if isinstance(layer, nn.Linear):
            setattr(model, head, nn.Sequential(nn.Dropout(dropout), layer))
            return
    raise ModelError(
        "the network has no linear classifier to put dropout before", where=f"torchvision:{name}"
    )
