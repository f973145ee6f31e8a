"""Parquet exports, read back by pyarrow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench.report.export import parquet
from edgebench.report.export.rows import ITEM_COLUMNS
from tests.report.export.fixtures import CURVE, VALUES, content

pytest.importorskip("pyarrow")


def test_items(tmp_path: Path) -> None:
    from pyarrow.parquet import read_table

    parquet.write_items(content(tmp_path), str(tmp_path / "items.parquet"))
    table = read_table(tmp_path / "items.parquet")
    assert table.column_names == list(ITEM_COLUMNS)
    assert [str(table.schema.field(name).type) for name in ("measured", "n", "proxy", "values")] == [
        "double", "int64", "bool", "list<element: double>"
    ]  # fmt: skip
    exact, gain = table.to_pylist()
    assert (exact["case"], exact["low"], gain["case"]) == ("conv", None, None)
    assert gain["values"] == list(VALUES)
    assert gain["measured"] == 2.75
    assert table.schema.metadata[b"edgebench.format"] == b"1"


def test_trials(tmp_path: Path) -> None:
    from pyarrow.parquet import read_table

    parquet.write_trials(content(tmp_path), str(tmp_path / "trials.parquet"))
    rows = read_table(tmp_path / "trials.parquet").to_pylist()
    assert len(rows) == 4
    assert dict(rows[0]["metrics"])["top1"] == 10.0 + VALUES[0]
    assert dict(rows[0]["curves"])["val_top1"] == list(CURVE)
    assert json.loads(rows[1]["settings"])["optimiser"]["lr"] == 1e-6
