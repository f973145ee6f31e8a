"""The page as text: complete, self-contained, and safe whatever a claim says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgebench.report.html.page import as_json, held, is_web, prose, render
from tests import roots
from tests.report.findings.fixtures import BASELINE, FRONT, findings
from tests.report.html.fixtures import HOSTILE, hostile, item_of

CERTIFICATE = """
claim: demo/trained
tier: smoke
against: 4
recorded: {by: A. Reviewer, when: 2026-01-31, why: once}
effects:
  gain:
    sign: agrees
    size: undecided
    short: {verdict: inconclusive, value: 3, interval: [0.4, 5.6], seeds: [2.8, 3.2]}
    longer: {verdict: reproduced, value: 5, interval: [4, 6], seeds: [4.93, 5.07]}
"""


class Elements(HTMLParser):
    """The elements of a page, with the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Elements:
    folder = tmp_path_factory.mktemp("page")
    found = findings(folder, trained=roots.TRAINED, front=FRONT, formula=roots.FORMULA, baseline=BASELINE)
    return Elements(render(found))


def test_a_row_for_every_item_and_an_article_for_every_claim(page: Elements) -> None:
    rows = [each for each in page.all("tr") if "data-claim" in each]
    assert len(rows) == 11
    assert {row["data-verdict"] for row in rows} == {"reproduced", "not run"}
    assert [each["id"] for each in page.all("article") if each.get("class") == "claim"] == [
        "claim/demo/formula",
        "claim/demo/front",
        "claim/demo/trained",
    ]
    assert "A wider network is worth its parameters" in page.text
    assert "✗ FLIPPED" in page.text


def test_every_plot_has_data_and_words(page: Elements) -> None:
    data = {}
    for attributes, text in zip(page.all("script"), page.scripts, strict=True):
        if attributes.get("type") == "application/json":
            data[attributes["data-of"]] = json.loads(text)
    claim, seen = "audit", 0  # which stands before the claims
    for tag, attributes in page.found:
        if tag == "article" and "data-id" in attributes:
            claim = str(attributes["id"]).removeprefix("claim/")
        if "data-figure" in attributes:
            figure = data[claim]["figures"][attributes["data-figure"]]
            assert figure["kind"] in ("intervals", "curves", "bars", "front", "map", "power")
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
            seen += 1
    assert seen == sum(len(each["figures"]) for each in data.values()) > 20


def test_scripts_are_allowed_by_their_hash_and_nothing_from_outside_is(page: Elements) -> None:
    (policy,) = [each["content"] for each in page.all("meta") if "http-equiv" in each]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "http" not in policy
    for attributes, text in zip(page.all("script"), page.scripts, strict=True):
        allowed = f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
        assert allowed == (attributes.get("type") != "application/json")
    assert all("src" not in attributes for _, attributes in page.found)
    assert [each["href"] for each in page.all("link")] == ["data:,"]
    outside = {each["href"] for each in page.all("a") if not str(each["href"]).startswith("#")}
    assert outside == {"https://example.org"}


def test_no_handlers_in_elements(page: Elements) -> None:
    assert [name for _, attributes in page.found for name in attributes if name.startswith("on")] == []


def test_hostile_text_stays_text(tmp_path: Path, page: Elements) -> None:
    found = findings(tmp_path, trained=roots.TRAINED, front=FRONT, formula=roots.FORMULA, baseline=BASELINE)
    safe = Elements(render(hostile(found)))
    assert not safe.all("img")
    scripts = [each for each in safe.all("script") if each.get("type") != "application/json"]
    assert len(scripts) == 3, "those of the page itself"
    assert safe.text.count("<img src=x onerror=hacked=1>") > 20
    assert "{{ 7 * 7 }}" in safe.text
    assert not [each for each in safe.all("a") if "javascript" in str(each["href"])]
    assert not [name for _, attributes in safe.found for name in attributes if name.startswith("on")]
    texts = [
        text
        for attributes, text in zip(safe.all("script"), safe.scripts, strict=True)
        if attributes.get("type") == "application/json"
    ]
    assert all(json.loads(text)["arms"] in ([HOSTILE], ["2, 4"]) for text in texts), "the audit's are looks"


def test_json_in_a_script_element() -> None:
    text = as_json({"a": [HOSTILE, 1.5, None]})
    assert not re.search(r"[<>&\u2028\u2029]", text)
    assert json.loads(text) == {"a": [HOSTILE, 1.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(float("nan"))


def test_code_within_prose() -> None:
    assert prose("`a < b` of <i>two</i>") == "<code>a &lt; b</code> of &lt;i&gt;two&lt;/i&gt;"
    assert prose("a ` alone, `` and none") == "a ` alone, `` and none"


def test_links_of_papers() -> None:
    assert is_web("https://arxiv.org/abs/1")
    for link in ("javascript:alert(1)", "data:text/html,x", " https://x", "//x"):
        assert not is_web(link)


def test_how_items_stand_to_their_baselines() -> None:
    assert held(item_of("a", (1.0, 2.0))) == "as recorded"
    assert held(item_of("a", (1.0, 2.0), green=False)) == "not as recorded"


def test_broken_files_are_shown(tmp_path: Path) -> None:
    page = Elements(render(findings(tmp_path, trained=roots.TRAINED, broken=roots.BROKEN)))
    assert "broken.yaml:5:1" in page.text


def test_a_proxy_verdict_shows_its_certificate(tmp_path: Path) -> None:
    path = tmp_path / "certificates" / "smoke" / "demo" / "trained.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(CERTIFICATE)
    found = findings(tmp_path, trained=roots.TRAINED, baseline=BASELINE.replace("[2, 4]", "[2.8, 3.2]"))
    page = Elements(render(found))
    marks = [each for each in page.all("span") if "certificate" in (each.get("class") or "").split()]
    assert len(marks) == 2, "in the table of all claims, and in the claim's own"
    assert page.text.count("4x: the sign agrees") >= 2
    assert "with schedules 4 times as long it is 5 [4, 6] from 2 seeds" in page.text
