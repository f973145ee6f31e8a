"""What tests of faults observe: compared with `docs/reliability.md`, or collected for writing it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.reliability.page import PAGE, Fault, Recorder, rows_of, steady

Observed = Callable[..., None]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "fault(group, name, tried): its outcome is a row of docs/reliability.md"
    )


@pytest.fixture
def observed(request: pytest.FixtureRequest, tmp_path: Path) -> Observed:
    """Says what became of the fault that the test's mark names; facts are those of `tools.reliability.page.PHRASES`.

    Without the mark (other parameters of the same test) it does nothing.
    """
    mark = request.node.get_closest_marker("fault")

    def observe(**facts: object) -> None:
        if mark is None:
            return
        fault = Fault(*mark.args)
        told = {
            name: steady(fact, tmp_path) if isinstance(fact, str) else fact for name, fact in facts.items()
        }
        row = fault.row(told)
        for recorder in request.config.pluginmanager.get_plugins():
            if isinstance(recorder, Recorder):
                recorder.rows[fault] = row
                return
        page = rows_of(PAGE.read_text(encoding="utf-8"))
        committed = next((each for each in page if each.startswith(fault.head)), "no such row")
        assert row == committed, (
            "docs/reliability.md says otherwise; `python -m tools.reliability` writes it anew"
        )

    return observe
