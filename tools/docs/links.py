"""Links of a built site: those within it lead to a file, and to an anchor in it; nothing is loaded from outside."""

from __future__ import annotations

from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

# Attributes by which a page loads something, by element. A link that a reader may follow loads nothing.
_LOADS = {("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")}


class _Page(HTMLParser):
    """The anchors of a page, where it leads, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        relation = given.get("rel", "")
        for name, value in given.items():
            is_style = tag == "link" and name == "href" and "canonical" not in relation
            if (tag, name) in _LOADS or is_style:
                self.loaded.append(value)
            elif tag == "a" and name == "href":
                self.targets.append(value)


def broken(site: Path) -> list[str]:
    """A sentence for each link within the site that leads nowhere, and for each thing loaded from elsewhere."""
    pages: dict[Path, _Page] = {}
    for path in sorted(site.rglob("*.html")):
        page = pages[path] = _Page()
        page.feed(path.read_text(encoding="utf-8"))
    found: dict[str, list[str]] = defaultdict(list)
    for path, page in pages.items():
        here = str(path.relative_to(site))
        if here == "404.html":  # is served at any path, so that its links are absolute
            continue
        for target in [*page.targets, *page.loaded]:
            if urlsplit(target).scheme in ("http", "https", "mailto", "data") or target.startswith("//"):
                if target in page.loaded and not target.startswith("data:"):
                    found[f"{target}: loaded from outside"].append(here)
                continue
            if said := _problem(path, target, pages):
                found[said].append(here)
    return [
        f"{said} (in {', '.join(where[:3])}{', …' if len(where) > 3 else ''})"
        for said, where in found.items()
    ]


def _problem(path: Path, target: str, pages: dict[Path, _Page]) -> str | None:
    name, anchor = urldefrag(target)
    file = (path.parent / unquote(urlsplit(name).path)).resolve() if name else path
    if file.is_dir():
        file /= "index.html"
    if not file.is_file():
        return f"{target}: no such page"
    if anchor and file in pages and unquote(anchor) not in pages[file].anchors:
        return f"{target}: no such place in the page"
    return None
