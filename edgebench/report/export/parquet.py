"""Exports as Parquet tables, written by pyarrow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from edgebench import __version__
from edgebench.report.documents import FORMAT
from edgebench.report.export.content import Content
from edgebench.report.export.rows import ITEM_COLUMNS, item_row, trial_row
from edgebench.writing import write_atomically


def write_items(content: Content, output: str) -> None:
    """A row an item; `values` is the list of the seeds' values."""
    import pyarrow as pa

    types = {
        str: pa.string(),
        float: pa.float64(),
        int: pa.int64(),
        bool: pa.bool_(),
        list: pa.list_(pa.float64()),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in ITEM_COLUMNS.items()])
    _write([item_row(entry) for entry in content.entries], schema, output)


def write_trials(content: Content, output: str) -> None:
    """A row a trial: settings as JSON, `metrics` and `curves` as maps by name."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    schema = pa.schema([
        ("claim", text), ("case", text), ("tier", text), ("arm", text), ("seed", pa.int64()), ("trial", text),
        ("status", text), ("seconds", number), ("settings", text), ("metrics", pa.map_(text, number)),
        ("curves", pa.map_(text, pa.list_(number))),
    ])  # fmt: skip
    rows = [
        {
            **trial_row(trial),
            "metrics": list(trial.metrics.items()),
            "curves": [(name, list(values)) for name, values in trial.curves.items()],
        }
        for trial in content.trials
    ]
    _write(rows, schema, output)


def _write(rows: list[dict[str, Any]], schema: Any, output: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = schema.with_metadata({"edgebench": __version__, "edgebench.format": str(FORMAT)})
    made = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), made)
    write_atomically(Path(output), made.getvalue())
