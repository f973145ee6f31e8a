"""Nothing here reaches the network: torchvision's datasets are replaced."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torchvision

from edgebench.data.fetch import fetch, fetchable
from edgebench.errors import DataError
from tests.data import fixtures


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
