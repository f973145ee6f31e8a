from __future__ import annotations

from pathlib import Path

import pytest

from tests.claim.fixtures import Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "claims")
