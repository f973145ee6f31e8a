"""The page in a real browser: nothing goes wrong, nothing leaves it, and it does what a reader asks of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgebench.report.html.page import render
from tests import roots
from tests.report.findings.fixtures import BASELINE, FRONT, findings
from tests.report.html.fixtures import hostile

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
if CHROMIUM is None:
    pytest.skip("Chromium is not installed (Debian: apt-get install chromium)", allow_module_level=True)
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
)

PATIENCE = 60_000  # ms: machines that train meanwhile are slow


@dataclass
class Reader:
    """A page in the browser, with all that it said and asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def shown(self) -> list[str]:
        return [each.inner_text() for each in self.page.locator("#table tbody tr:visible td.effect").all()]

    def open(self, claim: str) -> None:
        self.page.locator(f"#table tbody tr:visible a[href='#claim/{claim}']").first.click()
        self.page.locator(f"article[data-id='{claim}']").wait_for(state="visible")

    def drawn(self, kind: str) -> Any:
        figure = self.page.locator(f".claim.open .figure.{kind}:visible .plot").first
        figure.scroll_into_view_if_needed()
        figure.locator(".main-svg").first.wait_for(state="visible")
        return figure


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as started:
        # In a container Chromium cannot make its own sandbox; it opens a file of ours alone.
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("report")
    found = findings(folder, trained=roots.TRAINED, front=FRONT, formula=roots.FORMULA, baseline=BASELINE)
    pages = {"plain": render(found), "hostile": render(hostile(found))}
    paths = {name: folder / f"{name}.html" for name in pages}
    for name, path in paths.items():
        path.write_text(pages[name], encoding="utf-8")
    return paths


def reading(browser: Any, path: Path, **context: Any) -> Reader:
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(PATIENCE)
    reader = Reader(page)
    page.on("console", lambda message: reader.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: reader.said.append(f"error: {error}"))
    page.on("request", lambda request: reader.asked.append(request.url))
    page.goto(path.as_uri())
    return reader


@pytest.fixture
def reader(chromium: Any, files: dict[str, Path]) -> Iterator[Reader]:
    found = reading(chromium, files["plain"], viewport={"width": 1280, "height": 900})
    yield found
    found.page.context.close()
    assert found.said == [], "no message in the console"
    assert [url for url in found.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert sum(url.startswith("file:") for url in found.asked) == 1, "the page alone"


def test_filters(reader: Reader) -> None:
    page = reader.page
    assert page.locator("#shown").inner_text() == "11 of 11 items, of 3 claims"
    page.get_by_label("Search", exact=True).fill("TREND gain")
    assert page.locator("#none").is_visible()
    page.get_by_label("Search", exact=True).fill("gain once")
    assert reader.shown() == ["gain[train=100,once]", "gain[train=200,once]"]
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Baseline", exact=True).select_option("not as recorded")
    page.wait_for_function("document.getElementById('shown').textContent.startsWith('10 of 11')")
    page.get_by_label("Verdict", exact=True).select_option("not run")
    assert page.locator("#shown").inner_text() == "0 of 11 items, of 0 claims"
    page.get_by_role("button", name="show 1 not run of demo at tier smoke").click()
    assert reader.shown() == ["exact"]
    assert page.get_by_label("Tier", exact=True).input_value() == "smoke"


def test_sorts(reader: Reader) -> None:
    page = reader.page
    header = page.get_by_role("columnheader", name="Measured")
    assert header.get_attribute("aria-sort") == "none"
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    upwards = reader.shown()
    assert upwards[-1] == "exact", "without a value it comes last"
    assert upwards[-2] == "gain"
    header.get_by_role("button").press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert reader.shown()[0] == "gain"
    assert reader.shown()[-1] == "exact"
    page.get_by_role("columnheader", name="Effect").get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "none"
    assert reader.shown() == sorted(reader.shown())


def test_opens_a_claim_draws_it_and_goes_back(reader: Reader) -> None:
    page = reader.page
    assert page.evaluate("typeof Plotly") == "undefined", "not before a claim is opened"
    reader.open("demo/front")
    assert not page.locator("#overview").is_visible()
    assert page.evaluate("document.activeElement.textContent") == "demo/front"
    assert page.title() == "demo/front · EdgeBench report"
    for kind in ("intervals", "map", "front", "curves", "bars"):
        assert reader.drawn(kind).get_attribute("role") == "img"
    assert page.locator(".claim.open .plot:visible .errorbars").count() > 0
    numbers = page.locator(".claim.open .figure.front details.numbers:visible").first
    numbers.locator("summary").click()
    assert "wider" in numbers.locator("table").inner_text()
    page.get_by_role("link", name="Next").first.click()
    page.locator("article[data-id='demo/trained']").wait_for(state="visible")
    page.go_back()
    page.locator("article[data-id='demo/front']").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.locator("#overview").wait_for(state="visible")
    assert not page.locator(".claim:visible").count()


def test_curves_that_are_the_same_are_one_line(reader: Reader) -> None:
    reader.open("demo/trained")
    reader.drawn("curves")
    figures = reader.page.locator(".claim.open .figure.curves:visible")
    schedule = figures.filter(has=reader.page.get_by_text("lr", exact=True))
    schedule.scroll_into_view_if_needed()
    schedule.locator(".legendtext").first.wait_for()
    assert schedule.locator(".legendtext").all_text_contents() == ["all 2 arms"]


def test_a_link_to_a_claim_and_the_keyboard_alone(chromium: Any, files: dict[str, Path]) -> None:
    page = chromium.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(files["plain"].as_uri() + "#claim/demo/trained")
    assert page.locator("article[data-id='demo/trained']").is_visible()
    page.keyboard.press("Tab")
    page.goto(files["plain"].as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "items"
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(chromium: Any, files: dict[str, Path], scheme: str) -> None:
    small = {"width": 360, "height": 740}
    reader = reading(
        chromium, files["plain"], viewport=small, color_scheme=scheme, is_mobile=True, has_touch=True
    )
    fits = "document.documentElement.scrollWidth <= 360"  # innerWidth grows with what does not fit
    assert reader.page.evaluate(fits)
    background = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    reader.open("demo/front")
    reader.drawn("curves")
    assert reader.page.evaluate(fits)
    assert reader.said == []
    reader.page.context.close()


def test_printed_it_has_the_plots_that_were_not_scrolled_to(reader: Reader) -> None:
    reader.open("demo/front")
    reader.drawn("intervals")
    assert len(reader.page.pdf()) > 10_000
    shown = reader.page.locator(".claim.open .plot:visible")
    assert shown.count() == reader.page.locator(".claim.open .plot[data-drawn]:visible").count()


def test_hostile_text_is_shown_and_does_nothing(chromium: Any, files: dict[str, Path]) -> None:
    reader = reading(chromium, files["hostile"])
    page = reader.page
    page.evaluate("location.hash = '#claim/demo/front'")
    for kind in ("intervals", "curves"):
        reader.drawn(kind)
    page.locator(".claim.open .numbers:visible summary").first.click()
    assert "onerror" in page.locator(".claim.open .statement").inner_text()
    assert "onerror" in page.locator(".claim.open .figure.curves .plot:visible").first.inner_html()
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img").count() == 0
    assert page.locator(".claim.open .numbers table").first.inner_text().count("<img") >= 1
    assert reader.said == []
    page.context.close()


def test_what_is_not_allowed_is_refused(chromium: Any, files: dict[str, Path]) -> None:
    reader = reading(chromium, files["plain"])
    reader.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "hacked = 1";
            document.head.append(script);
            const image = new Image(); image.src = "https://example.org/x.png"; document.body.append(image);
        }"""
    )
    refused = reader.page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    assert reader.page.evaluate("typeof hacked") == "undefined"
    assert len([each for each in reader.said if "Content Security Policy" in each]) >= 3
    reader.page.context.close()
