"""Writes docs/report.png, the README's picture of the report (needs Chromium, playwright and Pillow).

python tools/report_screenshot.py report.html edge-finetune/final-accuracy short
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUTPUT = Path(__file__).parents[1] / "docs" / "report.png"
WIDTH, TOP, BELOW = 1180, 714, 985
LINE = (223, 227, 231)
COLOURS = 160  # flat areas and thin lines need no more, and the file stays small


def picture(page: Page, height: int) -> Image.Image:
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    return Image.open(io.BytesIO(shot)).convert("RGB")


def main(report: str, claim: str, tier: str) -> None:
    """The top of the overview, and below it a claim at a tier."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": max(TOP, BELOW)})
        page.goto(Path(report).absolute().as_uri())
        overview = picture(page, TOP)
        page.goto(f"{page.url}#claim/{claim}")
        section = page.locator(f".claim.open section[aria-label='tier {tier}']")
        section.evaluate("each => window.scrollTo(0, each.getBoundingClientRect().top + window.scrollY)")
        section.locator(".figure.curves .main-svg").first.wait_for()
        page.wait_for_timeout(2000)  # for the other plots in view
        below = picture(page, BELOW)
        browser.close()
    whole = Image.new("RGB", (WIDTH, TOP + BELOW + 12), LINE)
    whole.paste(overview, (0, 0))
    whole.paste(below, (0, TOP + 12))
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(OUTPUT, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
