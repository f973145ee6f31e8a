"""All tests: nothing depends on, or touches, the caches, data and stores of whoever runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pytest_root import Root
from tests.shell import Shell

pytest_plugins = ["pytester", "tests.faults.recording"]


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Set for the whole session, because trials run in children of a server that is started only once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in [each for each in os.environ if each in ("EDGEBENCH_DATA", "EDGEBENCH_STORE")]:
            patch.delenv(name)
        yield


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys, monkeypatch)


@pytest.fixture
def root(pytester: pytest.Pytester) -> Root:
    return Root(pytester)
