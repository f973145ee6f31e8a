"""JSON documents: what is in them, and that the guide speaks of all of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Place
from edgebench.report import documents
from edgebench.report.compare import compare_sides
from edgebench.report.documents import item_document, text_of
from edgebench.report.history import Entry
from edgebench.report.rejudging import Rejudged
from edgebench.report.result import Baselines
from edgebench.report.sides import find_side
from edgebench.run.options import Options
from edgebench.run.plan import plan
from tests import roots
from tests.report.export.fixtures import RECORDED, content
from tests.report.fixtures import log_run, result_of

GUIDE = Path(__file__).parents[2] / "docs" / "json.md"
# Of which the keys are names of somebody else's: axes, metrics, curves, settings.
FREE = ("place", "settings", "metrics", "curves", "counts")


@pytest.mark.parametrize(
    ("item", "label", "expected"),
    [
        ("params[conv]", "reproduced", {"effect": "params", "case": "conv", "proxy": False, "subtype": None}),
        ("gain", "contradicted (reversed) · proxy", {"case": None, "proxy": True, "subtype": "reversed"}),
        ("gain", "reproduced · 2 diverged · proxy", {"diverged": 2, "proxy": True}),
        ("a[b[c]]", "invalid · proxy", {"effect": "a", "case": "b[c]", "subtype": None, "diverged": 0}),
        ("fast", "inconclusive (borderline) · cpu, 1 thread", {"subtype": "borderline", "proxy": False}),
    ],
)
def test_what_the_label_says_is_taken_apart(item: str, label: str, expected: dict[str, Any]) -> None:
    found = item_document(result_of(item, (1.0, 2.0), label=label))
    assert {name: found[name] for name in expected} == expected


def test_an_item() -> None:
    place = (Place("block", 0, "conv"), Place("width", 2, "1.0"))
    found = item_document(result_of("gain", (1.0, math.inf), place=place, expected=RECORDED, level=0.02))
    assert found["id"] == "demo/trained::gain"
    assert (found["paper"], found["claim"]) == ("demo", "demo/trained")
    assert found["place"] == {"block": "conv", "width": "1.0"}
    assert found["recorded"] == {"verdict": "reproduced", "value": 2.5, "tolerance": 0.75}
    read = json.loads(text_of(found))
    assert read["values"] == [1.0, None]
    assert read["measured"] is None
    assert text_of({"é": "–"}).isascii()


def every(folder: Path) -> Iterator[dict[str, Any]]:
    """A document of every kind."""
    root = roots.write(folder / "claims", broken=roots.BROKEN, blocks=roots.BLOCKS)
    exported = content(folder)
    path = folder / "store.sqlite"
    log_run(path, result_of("gain", (2.0, 9.0)))
    catalogue = load_catalogue([root])
    a, b = find_side("1", path), find_side("last", path)
    entries: list[Entry] = list(exported.entries)
    results = [entry.result for entry in entries]
    yield documents.run_document("smoke", results, catalogue.broken.values(), 4)
    yield documents.list_document(catalogue.papers, catalogue.claims)
    yield documents.plan_document("smoke", plan(catalogue.claims, Options(), None, Baselines().get))
    yield documents.compare_document(a, b, compare_sides(a, b))
    yield documents.runs_document([(entries[0].run, results)])
    yield documents.history_document("demo/trained", entries)
    yield exported.to_json()
    yield documents.rejudge_document(Rejudged({"smoke": results}, ("short: demo/trained::gain",)), (), 0)


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            if key not in FREE:
                yield from keys(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from keys(each)


def test_the_guide_names_every_kind_and_key(tmp_path: Path) -> None:
    known = set(re.findall(r"`([a-z_]+)`", GUIDE.read_text(encoding="utf-8")))
    kinds = set()
    for each in every(tmp_path):
        json.loads(text_of(each))
        assert list(each)[:3] == ["edgebench", "format", "kind"]
        assert each["format"] == 1
        kinds.add(each["kind"])
        assert set(keys(each)) <= known, each["kind"]
    assert kinds == {"run", "list", "plan", "compare", "runs", "history", "export", "rejudge"}


def test_documents_hold_what_they_are_of(tmp_path: Path) -> None:
    found = {each["kind"]: each for each in every(tmp_path)}
    run = found["run"]
    assert (run["tier"], run["exit_status"], run["not_as_recorded"]) == ("smoke", 4, 0)
    assert run["counts"] == {**dict.fromkeys(documents.VERDICTS, 0), "reproduced": 2}
    assert "broken.yaml:5:1" in run["broken"][0]
    assert [each["claim"] for each in found["list"]["claims"]] == ["demo/blocks", "demo/trained"]
    assert found["list"]["claims"][0]["items"] == ["params[relu]", "macs[relu]", "params[conv]", "macs[conv]"]
    planned = {each["id"]: each for each in found["plan"]["items"]}
    assert [each["seeds"] for each in planned["demo/trained::gain"]["looks"]] == [2, 4]
    assert found["plan"]["most"]["trials"] == 12
    compared = found["compare"]
    assert [(each["id"], each["a"]["measured"], each["b"]["measured"]) for each in compared["items"]] == [
        ("demo/trained::gain", 2.75, 5.5)
    ]
    assert compared["only_a"] == [{"id": "demo/blocks::params[conv]", "tier": "smoke"}]
    assert found["runs"]["runs"][0]["counts"]["reproduced"] == 2
    assert {each["run"] for each in found["history"]["items"]} == {1}
