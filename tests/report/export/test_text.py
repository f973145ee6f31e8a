"""JSON, CSV and JUnit exports, read back by Python's own readers."""

from __future__ import annotations

import csv
import io
import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

from edgebench.report.export import text
from edgebench.report.export.rows import ITEM_COLUMNS
from tests.report.export.fixtures import CURVE, VALUES, content


def test_json(tmp_path: Path) -> None:
    found = content(tmp_path)
    diverged = replace(found.trials[0], metrics={"top1": math.inf, "val_loss": math.nan})
    read = json.loads(text.json_text(replace(found, trials=(diverged, *found.trials[1:]))))
    assert [item["id"] for item in read["items"]] == ["demo/blocks::params[conv]", "demo/trained::gain"]
    gain = read["items"][1]
    assert (gain["published"], gain["measured"], gain["low"], gain["n"]) == (3.0, 2.75, -1.0, 2)
    assert gain["values"] == list(VALUES)
    assert (gain["verdict"], gain["proxy"], gain["baseline"]) == ("reproduced", True, "matches")
    assert read["trials"][0]["metrics"] == {"top1": None, "val_loss": None}, "JSON has no such numbers"
    assert read["trials"][1]["curves"]["val_top1"] == list(CURVE)


def test_csv_of_items(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(text.csv_text(content(tmp_path)))))
    assert list(rows[0]) == list(ITEM_COLUMNS)
    exact, gain = rows
    assert (exact["effect"], exact["case"], exact["low"]) == ("params", "conv", "")
    assert [float(value) for value in gain["values"].split()] == list(VALUES)
    assert (gain["proxy"], gain["as_recorded"], gain["tolerance"]) == ("true", "true", "0.75")
    assert float(gain["measured"]) == 2.75
    assert gain["statement"] == "It learns"


def test_csv_of_trials(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(text.csv_trials_text(content(tmp_path)))))
    assert [(row["arm"], row["seed"]) for row in rows][:2] == [("plain", "0"), ("slow", "0")]
    assert float(rows[0]["metric.top1"]) == 10.0 + VALUES[0]
    assert [float(value) for value in rows[0]["curve.val_top1"].split()] == list(CURVE)
    assert json.loads(rows[1]["settings"])["optimiser"]["lr"] == 1e-6


def test_junit(tmp_path: Path) -> None:
    suite = ET.fromstring(text.junit_text(content(tmp_path)).encode()).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "0")


def test_no_text_becomes_a_formula(tmp_path: Path) -> None:
    found = content(tmp_path)
    first, *others = found.entries
    hostile = replace(
        first, result=replace(first.result, statement='=HYPERLINK("http://x")', expectation="== 5")
    )
    row = next(csv.DictReader(io.StringIO(text.csv_text(replace(found, entries=(hostile, *others))))))
    assert (row["statement"], row["expectation"]) == ('\'=HYPERLINK("http://x")', "'== 5")
    lost = replace(first, result=replace(first.result, value=-2.5))
    row = next(csv.DictReader(io.StringIO(text.csv_text(replace(found, entries=(lost, *others))))))
    assert row["measured"] == "-2.5", "a number is none"
