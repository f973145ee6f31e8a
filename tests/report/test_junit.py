"""JUnit XML of results."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from edgebench.claim.catalogue import load_catalogue
from edgebench.report.junit import junit_xml, properties
from tests import roots
from tests.report.fixtures import result_of

GREEN = result_of("params[conv]", (128.0,), label="reproduced")
RED = result_of("gain", (1.0, 2.0), green=False, baseline="flipped", statement="it < \x00 & \ud800")
FAILED = result_of("loss", said=("trial x: crashed",), label="failed to run", baseline="not compared")
PENDING = result_of("late", verdict="pending", label="pending", said=("the time budget ended",))


def test_each_outcome_is_what_junit_has_for_it(tmp_path: Path) -> None:
    broken = load_catalogue([roots.write(tmp_path / "claims", broken=roots.BROKEN)]).broken
    text = junit_xml([GREEN, RED, FAILED, PENDING], list(broken.values()))
    suite = ET.fromstring(text.encode()).find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "2", "skipped": "1"
    }  # fmt: skip
    cases = {(case.get("classname"), case.get("name")): case for case in suite}
    green, red, failed, pending = (cases["demo.trained", each.item] for each in (GREEN, RED, FAILED, PENDING))
    assert [each.tag for each in green] == ["properties"]
    message = red.find("failure")
    assert message is not None
    assert message.get("message") == "FLIPPED: demo/trained::gain at tier smoke"
    assert "it < � & �" in (message.text or "")
    error = failed.find("error")
    assert error is not None
    assert "trial x: crashed" in (error.text or "")
    skipped = pending.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "the time budget ended"
    last = list(suite)[-1].find("error")
    assert last is not None
    assert "broken.yaml:5:1" in (last.get("message") or "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verdict", "reproduced"), ("case", "conv"), ("effect", "params"), ("published", "3.0"), ("measured", "128.0"),
        ("proxy", "false"), ("n", "1"), ("low", None), ("baseline", "matches"),
    ],
)  # fmt: skip
def test_properties(name: str, value: str | None) -> None:
    assert dict(properties(GREEN)).get(f"edgebench.{name}") == value


def test_the_interval_and_the_values_are_properties() -> None:
    found = dict(properties(RED))
    assert (found["edgebench.low"], found["edgebench.high"]) == ("1.0", "2.0")
    assert found["edgebench.values"] == "1.0 2.0"
