"""Every test gets an empty cache and no data folder: nothing depends on the machine it runs on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of the test, not created yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EDGEBENCH_CACHE", str(folder))
    monkeypatch.delenv("EDGEBENCH_DATA", raising=False)
    return folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that EDGEBENCH_DATA names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("EDGEBENCH_DATA", str(folder))
    return folder
