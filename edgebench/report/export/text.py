"""Exports as text, which need no further library: JSON, CSV and JUnit XML."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from edgebench.report.documents import text_of
from edgebench.report.export.content import Content
from edgebench.report.export.rows import ITEM_COLUMNS, item_row, trial_row
from edgebench.report.junit import junit_xml

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def json_text(content: Content) -> str:
    """The document of kind `export` (docs/json.md): runs, items and trials."""
    return text_of(content.to_json(), ascii_only=False) + "\n"


def csv_text(content: Content) -> str:
    """A row an item; the seeds' values in one cell, separated by spaces.

    Text that a spreadsheet would take for a formula, such as the expectation `== 5`, begins with an apostrophe.
    """
    rows = [item_row(entry) for entry in content.entries]
    return _csv(list(ITEM_COLUMNS), rows)


def csv_trials_text(content: Content) -> str:
    """A row a trial: settings as JSON, each metric in a column `metric.…`, each curve in `curve.…`."""
    rows = []
    for trial in content.trials:
        metrics = {f"metric.{name}": value for name, value in trial.metrics.items()}
        curves = {f"curve.{name}": list(values) for name, values in trial.curves.items()}
        rows.append({**trial_row(trial), **metrics, **curves})
    names = dict.fromkeys(name for row in rows for name in row)
    measured = [name for name in names if name.startswith(("metric.", "curve."))]
    return _csv([*(name for name in names if name not in measured), *sorted(measured)], rows)


def junit_text(content: Content) -> str:
    """JUnit XML with a test case for each item."""
    return junit_xml([entry.result for entry in content.entries])


def _csv(columns: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(repr, value))
    if isinstance(value, str):
        # What a claim says must not become a formula where a spreadsheet opens the table.
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value) if isinstance(value, bool) else str(value)
