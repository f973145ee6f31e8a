"""Downloads, only when asked for: the datasets and weights that torchvision can fetch and verify."""

from __future__ import annotations

import pickle
from pathlib import Path

from edgebench.data.cache import CACHE_VARIABLE, cache_folder
from edgebench.data.scenes import VOC_SPLITS, SceneSource
from edgebench.data.scenes import locate as locate_scenes
from edgebench.data.source import KNOWN, Source, check, locate
from edgebench.errors import DataError, did_you_mean
from edgebench.models.weights import TORCHVISION_FILES, torchvision_folder


def fetchable() -> tuple[str, ...]:
    """The named datasets that `fetch` can download."""
    return tuple(name for name, known in KNOWN.items() if known.torchvision)


def fetch(name: str) -> Source:
    """Download a dataset into the cache folder, where `locate` finds it; torchvision checks the MD5 sums.

    Files that are already there and intact are not downloaded again.

    Raises:
        DataError: the set cannot be downloaded by name, or the download failed.
    """
    check(name)
    kind = KNOWN[name].torchvision if name in KNOWN else None
    if kind is None:
        raise DataError(
            f"'{name}' cannot be downloaded",
            expected=f"one of {', '.join(fetchable())}",
            hint="it is part of EdgeBench already" if name == "digits" else None,
        )
    import torchvision

    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        dataset = getattr(torchvision.datasets, kind)
        for train in (True, False):
            dataset(root=str(root), train=train, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        # URLError and timeouts are OSErrors; torchvision reports failed mirrors and MD5 sums as RuntimeError.
        raise _failed(name, root, error) from error
    return locate(name)


def fetch_scenes() -> SceneSource:
    """Download Pascal VOC into the cache folder, where a detector's training finds it; torchvision checks the MD5 sums.

    Raises:
        DataError: the download failed.
    """
    import torchvision

    root = cache_folder() / "voc"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for folder, part in VOC_SPLITS:
            year = folder.removeprefix("VOC")
            torchvision.datasets.VOCDetection(str(root), year=year, image_set=part, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise _failed("voc", root, error) from error
    return locate_scenes("voc")


def fetch_weights(name: str) -> Path:
    """Download torchvision's ImageNet weights of a network into the cache folder, where a training finds them.

    The file's SHA-256 must start as its name says. A file that is already there is not downloaded again.

    Args:
        name: torchvision's name of the network, such as `mobilenet_v3_small`.

    Raises:
        DataError: no such weights, or the download failed.
    """
    file = TORCHVISION_FILES.get(name)
    if file is None:
        raise DataError(
            f"there are no weights called '{name}' to download",
            expected=f"one of {', '.join(TORCHVISION_FILES)}",
            hint=did_you_mean(name, TORCHVISION_FILES),
        )
    import torch
    import torchvision

    url = next(w.url for w in torchvision.models.get_model_weights(name) if w.url.endswith(f"/{file}"))
    folder = torchvision_folder()
    try:
        torch.hub.load_state_dict_from_url(
            url, str(folder), map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise _failed(f"weights:{name}", folder, error) from error
    return folder / file


def _failed(name: str, folder: Path, error: Exception) -> DataError:
    return DataError(
        f"downloading '{name}' failed: {error}",
        where=str(folder),
        hint=f"check the network connection, and that {CACHE_VARIABLE} is writable and has space",
    )
