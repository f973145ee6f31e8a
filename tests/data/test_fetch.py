"""Nothing here reaches the network: torchvision's datasets are replaced."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision

from edgebench.data.fetch import fetch, fetch_scenes, fetch_weights, fetchable
from edgebench.errors import DataError
from edgebench.models.weights import TORCHVISION_FILES
from tests.data import fixtures, scene_fixtures
from tests.faults.recording import Observed


def test_what_can_be_fetched_is_in_torchvision() -> None:
    from edgebench.data.source import KNOWN

    assert fetchable() == ("mnist", "fashion-mnist", "cifar10", "cifar100")
    for name in fetchable():
        assert hasattr(torchvision.datasets, str(KNOWN[name].torchvision))


def test_both_parts_are_downloaded_into_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(root: str, train: bool, download: bool) -> None:
        asked.append((root, train, download))
        if train:
            fixtures.idx_folder(Path(root) / "MNIST" / "raw")

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    source = fetch("mnist")
    assert asked == [(str(cache), True, True), (str(cache), False, True)]
    assert source.root == cache / "MNIST" / "raw"


@pytest.mark.parametrize(
    "failure", [URLError("unreachable"), TimeoutError("slow"), RuntimeError("File not found")]
)
def test_a_failing_network_is_explained(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def download(**_: object) -> None:
        raise failure

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", download)
    with pytest.raises(DataError, match=r"downloading 'cifar10' failed.*check the network connection"):
        fetch("cifar10")


@pytest.mark.parametrize("name", ["digits", "imagenet", "flowers40", "npz:x.npz"])
def test_sets_that_cannot_be_fetched(name: str) -> None:
    with pytest.raises(DataError, match="cannot be downloaded; expected one of mnist"):
        fetch(name)


def test_unknown_names() -> None:
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        fetch("mnis")


@pytest.mark.parametrize("name", TORCHVISION_FILES)
def test_weights_are_downloaded_into_the_cache_and_checked(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, bool, bool]] = []

    def download(url: str, folder: str, *, check_hash: bool, weights_only: bool, **_: object) -> None:
        asked.append((url.rpartition("/")[2], folder, check_hash, weights_only))

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    file = TORCHVISION_FILES[name]
    assert fetch_weights(name) == cache / "weights" / file
    assert asked == [(file, str(cache / "weights"), True, True)]


@pytest.mark.fault(
    "data",
    "downloaded weights have a wrong hash",
    "torch's download made to say so",
)
def test_weights_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, observed: Observed) -> None:
    with pytest.raises(DataError, match=r"no weights called 'resnet-18'.*did you mean 'resnet18'\?"):
        fetch_weights("resnet-18")

    def download(*_: object, **__: object) -> None:
        raise RuntimeError("invalid hash value")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    with pytest.raises(
        DataError, match=r"downloading 'weights:resnet18' failed: invalid hash value"
    ) as refused:
        fetch_weights("resnet18")
    observed(said=str(refused.value))


def test_all_parts_of_voc_are_downloaded_into_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(root: str, year: str, image_set: str, download: bool) -> None:
        asked.append((year, image_set, download))
        scene_fixtures.voc(Path(root))

    monkeypatch.setattr(torchvision.datasets, "VOCDetection", download)
    assert fetch_scenes().root == cache / "voc"
    assert asked == [("2007", "trainval", True), ("2012", "trainval", True), ("2007", "test", True)]


def test_a_failing_download_of_voc_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **__: object) -> None:
        raise URLError("unreachable")

    monkeypatch.setattr(torchvision.datasets, "VOCDetection", download)
    with pytest.raises(DataError, match="downloading 'voc' failed"):
        fetch_scenes()
