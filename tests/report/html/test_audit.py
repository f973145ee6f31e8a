"""The audit as a part of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from edgebench.judge.audit.audit import audit
from edgebench.judge.audit.simulation import SHIFTS
from edgebench.report.html.audit import audit_part, power_figure
from edgebench.report.html.page import render
from tests import roots
from tests.judge.audit.fixtures import audited, exact, noise, trained
from tests.report.findings.fixtures import BASELINE, findings

GAIN = '{value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5}'


def test_the_power_curves_say_what_they_show(tmp_path: Path) -> None:
    found = audit(audited(trained(tmp_path, GAIN), {"gain": noise(5, 1, mean=9)}))
    figure = power_figure(found)
    assert figure.said.endswith("by looks: 5: 2 sd")
    (curve,) = figure.data["arms"]
    assert curve["arm"] == "5"
    assert len(curve["rates"]) == len(SHIFTS)
    assert curve["rates"] == sorted(curve["rates"])


def test_the_page_has_the_audit_of_what_it_shows(tmp_path: Path) -> None:
    page = render(findings(tmp_path, trained=roots.TRAINED, baseline=BASELINE))
    assert "How far these verdicts can be trusted" in page
    assert "1 effect, " in page
    (data,) = re.findall(r'data-of="audit">(.*?)</script>', page)
    content = json.loads(data)
    assert content["figures"]["audit"]["kind"] == "power"
    assert content["arms"] == [each["arm"] for each in content["figures"]["audit"]["data"]["arms"]]


def test_without_a_baseline_there_is_none(tmp_path: Path) -> None:
    assert "How far these verdicts can be trusted" not in render(findings(tmp_path, trained=roots.TRAINED))


def test_exact_effects_have_no_curves(tmp_path: Path) -> None:
    claim = exact(tmp_path, more='{value: large.params - small.params, expect: "== 128"}')
    part = audit_part(audit(audited(claim, {"more": [128.0]})))
    assert (part["figure"], part["data"]) == (None, {})
    assert [each.title for each in part["sections"]] == ["Mutations"]
