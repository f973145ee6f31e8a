from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebench.run import session as sessions
from tests.run.bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(sessions, "_POLL", 0.001)
    made = Bench(tmp_path)
    yield made
    for session in made.sessions:
        session.close()
