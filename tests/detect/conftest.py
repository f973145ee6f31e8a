"""Small nets and tiny sets for detectors; a trial sets up its process for good, so tests put that back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from edgebench.data import shapes


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only few scenes are drawn, into a cache of the test's own; returns its folder."""
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shapes, "TRAIN", 24)
    monkeypatch.setattr(shapes, "TEST", 6)
    return tmp_path / "cache"
