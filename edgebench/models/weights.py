"""Which file a checkpoint's name stands for, and whether it is the right one, without opening it or importing torch.

Names: `mbv2-w0.35` and the other two of `NAMED` are files of the folder `weights` in the folder that `EDGEBENCH_DATA`
names, or in the cache folder; `torchvision` is torchvision's own file for a `torchvision:` model, already downloaded;
`file:PATH` is any .safetensors file.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.data.bounded import read_bytes
from edgebench.data.cache import CACHE_VARIABLE, DATA_VARIABLE, cache_folder
from edgebench.data.digests import content_digest
from edgebench.data.source import data_folder, places
from edgebench.errors import DataError, MissingDataError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from edgebench.claim.settings import ModelSettings

FOLDER = "weights"
TORCHVISION = "torchvision"
FILE = "file:"
_PREFIX = "torchvision:"
_MAX_JSON = 2**20  # bytes of a description

# SHA-256 of the .safetensors file of each named checkpoint, which fits the model of the same name alone.
NAMED = {
    "mbv2-w0.35": "c8c02d90d7a8f29a666f66d2b68d533f059d3195a6a8eb8c9eaf6c515a018480",
    "proxyless-w0.3": "6428741de1d9820256676b18703db111f46823db899c6c47520ce017d2f73282",
    "mcunet-5fps": "cd6931158f57bddd299bd7c254227bdc05ca74a936147d3bc1a225f550f7dee6",
}

# torchvision's default ImageNet weights of each model. The end of a name is the start of the file's SHA-256.
TORCHVISION_FILES = {
    "efficientnet_b0": "efficientnet_b0_rwightman-7f5810bc.pth",
    "efficientnet_b1": "efficientnet_b1-c27df63c.pth",
    "efficientnet_b2": "efficientnet_b2_rwightman-c35c1473.pth",
    "mnasnet0_5": "mnasnet0.5_top1_67.823-3ffadce67e.pth",
    "mnasnet0_75": "mnasnet0_75-7090bc5f.pth",
    "mnasnet1_0": "mnasnet1.0_top1_73.512-f206786ef8.pth",
    "mnasnet1_3": "mnasnet1_3-a4c69d6f.pth",
    "mobilenet_v2": "mobilenet_v2-7ebf99e0.pth",
    "mobilenet_v3_large": "mobilenet_v3_large-5c1a4163.pth",
    "mobilenet_v3_small": "mobilenet_v3_small-047dcff4.pth",
    "resnet101": "resnet101-cd907fc2.pth",
    "resnet152": "resnet152-f82ba261.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
    "shufflenet_v2_x0_5": "shufflenetv2_x0.5-f707e7126e.pth",
    "shufflenet_v2_x1_0": "shufflenetv2_x1-5666bf0f80.pth",
    "shufflenet_v2_x1_5": "shufflenetv2_x1_5-3c479a10.pth",
    "shufflenet_v2_x2_0": "shufflenetv2_x2_0-8be3c8ee.pth",
    "squeezenet1_0": "squeezenet1_0-b66bff10.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
}


@dataclass(frozen=True)
class Found:
    """A checkpoint's file, not opened yet.

    Attributes:
        path: where it is.
        starts: what its SHA-256 (hex) starts with, all of it or the part that is known; empty: anything.
        by: what says so, for the error message.
    """

    path: Path
    starts: str
    by: str

    def verify(self, digest: str) -> None:
        """Accept the file's SHA-256, or raise DataError."""
        if not digest.startswith(self.starts):
            raise DataError(
                f"the file's SHA-256 is {digest}",
                expected=f"{self.starts}{'' if len(self.starts) == 64 else '…'}, by {self.by}",
                where=str(self.path),
                hint="the file is damaged or another one; get it again",
            )


def check(weights: str, model: ModelSettings) -> None:
    """Say whether these weights could be this model's, without touching the disk.

    Raises:
        SettingsError: an unknown checkpoint, or one that is for another model.
    """
    where = f"weights '{weights}'"
    if weights in NAMED:
        if model.name != weights:
            raise SettingsError(f"they are not for model '{model.name}'", expected=weights, where=where)
    elif weights == TORCHVISION:
        if model.name.removeprefix(_PREFIX) not in TORCHVISION_FILES or not model.name.startswith(_PREFIX):
            raise SettingsError(
                f"torchvision has none for model '{model.name}'", expected="a torchvision: model", where=where
            )
        if model.width not in (None, 1):
            raise SettingsError(f"they are for width 1, not {model.width}", expected="no width", where=where)
    elif weights.startswith(FILE):
        path = weights.removeprefix(FILE)
        if "\0" in path or "://" in path or not path.endswith(".safetensors"):
            raise SettingsError(
                f"'{path}' is not the path of a .safetensors file",
                expected=f"{FILE}PATH.safetensors",
                where=where,
            )
    else:
        raise SettingsError(
            f"no checkpoint is called '{weights}'",
            expected=f"one of {', '.join(NAMED)}, {TORCHVISION}, {FILE}PATH",
            hint=did_you_mean(weights, (*NAMED, TORCHVISION)),
        )


def find(weights: str, model: ModelSettings) -> Found:
    """The checkpoint's file, and what its content must be.

    Raises:
        SettingsError: as `check`.
        DataError: it is not here, or its JSON names another content.
    """
    check(weights, model)
    if weights in NAMED:
        return _named(weights)
    if weights == TORCHVISION:
        return _torchvision(model.name.removeprefix(_PREFIX))
    path = _first_file(weights.removeprefix(FILE), weights)
    stated = described(path).get("sha256")
    return Found(path, stated or "", path.with_suffix(".json").name)


def locate(weights: str, model: ModelSettings) -> Path:
    """The path of the checkpoint's file. Raises: as `find`."""
    return find(weights, model).path


def digest(weights: str, model: ModelSettings) -> str:
    """SHA-256 (hex) of the checkpoint's file; remembered, so that asking again costs a `stat`.

    Raises:
        SettingsError, DataError: as `find`, or the file is not the expected one.
    """
    found = find(weights, model)
    value = content_digest(found.path, (found.path,))
    found.verify(value)
    return value


def described(path: Path) -> dict[str, Any]:
    """The JSON beside a .safetensors file; empty if there is none.

    Raises:
        DataError: it is not a JSON object, or its `sha256` is not a SHA-256.
    """
    beside = path.with_suffix(".json")
    if not os.path.lexists(beside):
        return {}
    try:
        content = json.loads(read_bytes(beside, _MAX_JSON).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not JSON ({error})", where=str(beside)) from error
    stated = content.get("sha256", "0" * 64) if isinstance(content, dict) else None
    if not isinstance(stated, str) or not re.fullmatch("[0-9a-f]{64}", stated):
        raise DataError(
            "does not describe a checkpoint", expected="an object; `sha256`, 64 hex digits", where=str(beside)
        )
    return dict(content)


def _named(name: str) -> Found:
    searched = [(folder / FOLDER, through) for folder, through in places()]
    for folder, _ in searched:
        path = folder / f"{name}.safetensors"
        if os.path.isfile(path):
            about = described(path)
            if about.get("sha256", NAMED[name]) != NAMED[name] or about.get("model") != name:
                raise DataError(
                    "missing, or about another checkpoint",
                    expected=f"model {name}, sha256 {NAMED[name]}",
                    where=str(path.with_suffix(".json")),
                )
            return Found(path, NAMED[name], "EdgeBench's table")
    raise MissingDataError(
        f"the weights '{name}' are not here",
        expected=f"{name}.safetensors and {name}.json in {_listed(searched)}",
        hint=f"set {DATA_VARIABLE} to the folder that has `{FOLDER}` with both files",
    )


def torchvision_folder() -> Path:
    """Where `edgebench data fetch weights:NAME` puts torchvision's files."""
    return cache_folder() / FOLDER


def _torchvision(name: str) -> Found:
    file = TORCHVISION_FILES[name]
    searched = [(torchvision_folder(), CACHE_VARIABLE), (_hub_folder(), "torch.hub")]
    for folder, _ in searched:
        if os.path.isfile(folder / file):
            return Found(folder / file, file.removesuffix(".pth").rpartition("-")[2], "its name")
    raise MissingDataError(
        f"torchvision's weights for '{name}' are not here",
        expected=f"{file} in {_listed(searched)}",
        hint=f"run `edgebench data fetch weights:{name}` to download them",
    )


def _hub_folder() -> Path:
    """Where torch.hub keeps files (`torch.hub.get_dir`), worked out without torch."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or os.path.join(base, "torch")
    return Path(os.path.expanduser(home)).absolute() / "hub" / "checkpoints"


def _listed(searched: list[tuple[Path, str]]) -> str:
    return " or ".join(f"{folder} ({through})" for folder, through in searched)


def _first_file(path: str, where: str) -> Path:
    data = data_folder()
    # An absolute path swallows the base it is joined to.
    tried = list(dict.fromkeys(base / path for base in ([data] if data else []) + [Path.cwd()]))
    for candidate in tried:
        if os.path.isfile(candidate):
            return candidate
    raise DataError(
        f"there is no '{path}'", expected=f"a file at {' or '.join(map(str, tried))}", where=where
    )
