"""Weights that a training starts from: finding their file, and filling a network with them, the classifier left out.

Importing this module imports no torch; only filling and saving do.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench.errors import DataError, ModelError
from edgebench.models.weights import FILE, NAMED, TORCHVISION, Found, check, described, digest, find, locate

if TYPE_CHECKING:
    from torch import Tensor, nn

    from edgebench.claim.settings import ModelSettings

__all__ = ["Normalisation", "check", "digest", "load", "load_state", "locate", "save_state"]

FORMAT = "edgebench-1"


@dataclass(frozen=True)
class Normalisation:
    """What a network's input wants: (pixels scaled to 0..1 - mean) / std, per channel.

    Raises:
        ValueError: not as many means as deviations, or a deviation that is not positive.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} deviations")
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise ValueError(f"mean {self.mean}, std {self.std}")


HALF = Normalisation((0.5,) * 3, (0.5,) * 3)
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def load(
    weights: str, model: nn.Module, settings: ModelSettings, calibration: Tensor | None = None
) -> Normalisation:
    """Fill a freshly built network with a checkpoint, in place; its classifier stays as it is.

    Args:
        weights: `mbv2-w0.35`, `proxyless-w0.3`, `mcunet-5fps`, `torchvision`, or `file:PATH`.
        model: as `registry.build` made it from `settings`.
        settings: the model's.
        calibration: training images [N, C, H, W], normalised as the weights want it, that set the running statistics
            of normalisations where the file has none; fixed synthetic images if not given. What the network computes
            in eval mode is the same with any; in training mode it starts near that only with real images.

    Returns:
        What the weights expect of their input.

    Raises:
        SettingsError: an unknown checkpoint, or one for another model.
        DataError: the file is missing, damaged, or not the expected one.
        ModelError: its tensors do not fit the network.
    """
    found = find(weights, settings)
    content = _verified(found)
    if weights == TORCHVISION:
        _load_torchvision(content, found.path, model, settings)
        return IMAGENET
    if weights.startswith(FILE) and _metadata(content, str(found.path)).get("format") == FORMAT:
        return load_state(content, model, str(found.path))
    _load_folded(content, found.path, model, settings, calibration)
    return HALF


def save_state(model: nn.Module, normalisation: Normalisation) -> bytes:
    """Every tensor of the network's state dict, by name, and what its input wants; the same bytes each time.

    The content is that of a .safetensors file, which `file:PATH` accepts.
    """
    from edgebench.models import tensors

    metadata = {
        "format": FORMAT,
        "mean": json.dumps(normalisation.mean),
        "std": json.dumps(normalisation.std),
    }
    return tensors.write(model.state_dict(), metadata)


def load_state(
    content: bytes, model: nn.Module, where: str = "stored weights", *, whole: bool = False
) -> Normalisation:
    """Fill a network with what `save_state` made of one like it, in place.

    Args:
        whole: its classifier too, which otherwise stays as it is.

    Raises:
        DataError: not such a content, or damaged.
        ModelError: its tensors do not fit the network.
    """
    from edgebench.models import tensors

    stored, metadata = tensors.read(content, where)
    if metadata.get("format") != FORMAT:
        raise DataError(
            f"the format is '{metadata.get('format', 'not stated')}'", expected=FORMAT, where=where
        )
    try:
        normalisation = Normalisation(*(tuple(map(float, json.loads(metadata[k]))) for k in ("mean", "std")))
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(
            f"mean and std of the input are missing or unusable ({error})", where=where
        ) from error
    target = model.state_dict()
    if not whole:
        head = tensors.classifier_path(model)
        target, stored = tensors.without(target, head), tensors.without(stored, head)
    tensors.fill(target, stored, where)
    return normalisation


def _verified(found: Found) -> bytes:
    """The file's bytes, which are hashed themselves: a file may change after its digest was remembered."""
    try:
        content = found.path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(found.path)) from error
    found.verify(hashlib.sha256(content).hexdigest())
    return content


def _metadata(content: bytes, where: str) -> dict[str, str]:
    from edgebench.models import tensors

    return tensors.read(content, where)[1]


def _load_folded(
    content: bytes, path: Path, model: nn.Module, settings: ModelSettings, calibration: Tensor | None
) -> None:
    from edgebench.models import folded, tensors
    from edgebench.models.mobile import MobileNet

    about = described(path)
    if settings.name not in NAMED or about.get("model") != settings.name or not isinstance(model, MobileNet):
        raise ModelError(
            f"this is not a checkpoint of model '{settings.name}'",
            expected=f"metadata with format {FORMAT}, or a JSON beside it with `model`, one of {', '.join(NAMED)}",
            where=str(path),
        )
    stored, _ = tensors.read(content, str(path))
    folded.unfold(model, stored, calibration, str(path))


def _load_torchvision(content: bytes, path: Path, model: nn.Module, settings: ModelSettings) -> None:
    import torch
    import torchvision

    from edgebench.models import tensors

    stored = tensors.read_pickled(content, str(path))
    with torch.device("meta"):
        plain = torchvision.models.get_model(settings.name.partition(":")[2], weights=None)
    # A dropout layer put before the classifier changes its name, so each has its own.
    given = tensors.without(stored, tensors.classifier_path(plain))
    target = tensors.without(model.state_dict(), tensors.classifier_path(model))
    # Files from before torch counted batches lack the counts, which only an averaging without momentum reads.
    for name in [name for name in target if name.endswith("num_batches_tracked") and name not in given]:
        del target[name]
    tensors.fill(target, given, str(path))
