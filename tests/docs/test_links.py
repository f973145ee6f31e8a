"""What the check of links finds, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.docs import links


def site(folder: Path, body: str) -> Path:
    (folder / "a").mkdir()
    (folder / "index.html").write_text(f'<html><body><h2 id="top">x</h2>{body}</body></html>')
    (folder / "a" / "page.html").write_text('<h2 id="sötig place">y</h2><a href="../index.html#top">up</a>')
    return folder


@pytest.mark.parametrize(
    "good",
    [
        '<a href="a/page.html">',
        '<a href="#top">',
        '<a href="a/page.html#s%C3%B6tig%20place">',
        '<a href="https://example.org/x">',
        '<a href="mailto:a@example.org">',
        '<img src="data:image/png;base64,AAAA">',
        '<link rel="canonical" href="https://example.org/">',
    ],
)
def test_good_links(tmp_path: Path, good: str) -> None:
    assert links.broken(site(tmp_path, good)) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('<a href="a/pgae.html">', "a/pgae.html: no such page (in index.html)"),
        ('<a href="a/">', "a/: no such page (in index.html)"),
        ('<a href="a/page.html#place">', "a/page.html#place: no such place in the page (in index.html)"),
        ('<a href="#botom">', "#botom: no such place in the page (in index.html)"),
        ('<img src="x.svg">', "x.svg: no such page (in index.html)"),
        ('<script src="https://cdn.org/x.js">', "https://cdn.org/x.js: loaded from outside (in index.html)"),
        ('<link rel="stylesheet" href="//fonts.org/x">', "//fonts.org/x: loaded from outside (in index.html)"),
    ],
)  # fmt: skip
def test_bad_links(tmp_path: Path, bad: str, said: str) -> None:
    assert links.broken(site(tmp_path, bad)) == [said]
