"""What the report of the whole suite costs: the time to make it, its size, and the time until it is open.

`pytest benchmarks/test_report.py`; measured, not part of the test suite: a busy machine would make it fail. The store
is the one that `EDGEBENCH_STORE` names, or this folder's; without one, everything is shown from baselines.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECONDS, BYTES, OPEN_MS = 10, 15_000_000, 2000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    path = tmp_path_factory.mktemp("report") / "report.html"
    started = time.perf_counter()
    command = [sys.executable, "-m", "edgebench", "report", "--output", str(path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return path, time.perf_counter() - started


def test_it_is_made_in_seconds_and_small(report: tuple[Path, float]) -> None:
    path, seconds = report
    size = path.stat().st_size
    print(f"\nmade in {seconds:.1f} s, {size / 1e6:.1f} MB")
    assert seconds < SECONDS
    assert size < BYTES


def test_it_opens_at_once(report: tuple[Path, float]) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(report[0].as_uri())
        ms = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        browser.close()
    print(f"\nopen after {ms:.0f} ms")
    assert ms < OPEN_MS
