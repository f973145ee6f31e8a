"""A trial sets up its process for good; in tests it has a guest's manners."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from edgebench.data.prepared import Prepared, prepare
from edgebench.methods.hooks import Method
from edgebench.train import trial
from tests.train.tuned import part, tuned, weights


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


@pytest.fixture(scope="session")
def first() -> bytes:
    """The artefact of a short pretraining of micronet."""
    return weights()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own; returns the folder of maps in it."""
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "maps"


@pytest.fixture
def data(cache: Path) -> Prepared:
    return prepare(tuned().data)


@pytest.fixture
def prefix(data: Prepared, first: bytes) -> nn.Module:
    """The frozen part of micronet under MobileTL."""
    return part(tuned(), data, first)[0]


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """Every batch as it comes to the first method, before any mixing."""
    seen: list[tuple[Tensor, Tensor]] = []

    class Watch(Method):
        def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            seen.append((images.clone(), labels.clone()))
            return images, labels

    original = trial.methods_of
    monkeypatch.setattr(trial, "methods_of", lambda *arguments: [Watch(), *original(*arguments)])
    return seen
