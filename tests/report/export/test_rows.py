"""Items and trials as flat rows."""

from __future__ import annotations

from pathlib import Path

from edgebench.report.export.rows import ITEM_COLUMNS, flat, item_row, trial_row
from tests.report.export.fixtures import content


def test_rows_have_the_declared_types(tmp_path: Path) -> None:
    for entry in content(tmp_path).entries:
        row = item_row(entry)
        assert list(row) == list(ITEM_COLUMNS)
        for name, kind in ITEM_COLUMNS.items():
            assert row[name] is None or isinstance(row[name], kind), name


def test_a_trial_without_its_measurements(tmp_path: Path) -> None:
    row = trial_row(content(tmp_path).trials[0])
    assert row["case"] is None
    assert isinstance(row["settings"], str)
    assert row.keys().isdisjoint({"metrics", "curves"})


def test_settings_are_flattened_by_their_paths() -> None:
    nested = {"a": {"b": {"c": 1}, "d": True}, "e": [1, {"f": 2}], "g": "text"}
    assert flat(nested) == {"a.b.c": 1, "a.d": True, "e": '[1, {"f": 2}]', "g": "text"}
