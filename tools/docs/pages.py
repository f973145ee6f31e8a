"""Puts the sources of the site together: written pages, generated pages, pictures, and the navigation."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.docs import claim_pages, pictures, reference

NAV = "nav = []  # generated"
_PICTURE = re.compile(r"<!-- picture: ([a-z-]+) -->")


def write(top: Path, build: Path) -> Path:
    """Write all sources below `build`, which is emptied first; returns the path of the site's configuration."""
    if build.exists():
        shutil.rmtree(build)
    made = build / "pages"
    pages: dict[str, str] = {}
    for path in sorted((top / "docs").rglob("*.md")):
        pages[str(path.relative_to(top / "docs"))] = path.read_text(encoding="utf-8")
    pages["contributing.md"] = relinked((top / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    claims, claims_nav = claim_pages.pages(top)
    generated, reference_nav = reference.pages(top)
    for name, text in {**pages, **claims, **generated}.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_PICTURE.sub(lambda found: pictures.example(found[1]), text), encoding="utf-8")
    # Pictures and styles; the pages of the folder have just been written.
    shutil.copytree(top / "docs", made, ignore=shutil.ignore_patterns("*.md", "*.toml"), dirs_exist_ok=True)
    template = (top / "docs" / "zensical.toml").read_text(encoding="utf-8")
    if NAV not in template:
        raise ValueError(f"docs/zensical.toml has no line '{NAV}'")
    nav = [*navigation(pages), {"Claims": claims_nav}, {"Reference": reference_nav}]
    config = build / "zensical.toml"
    text = template.replace(NAV, f"nav = {_toml(nav)}").replace("SOURCES", json.dumps(str(top)))
    config.write_text(text, encoding="utf-8")
    return config


def navigation(pages: Mapping[str, str]) -> list[Any]:
    """The written pages in the order of a reader's way; those without a place in it come after those on use."""
    use = {
        "verdicts.md": "How verdicts work",
        "certificates.md": "Proxies and longer runs",
        "your-own.md": "Your own data, model or device",
        "nightly.md": "Every night",
        "scaling.md": "Beyond one machine",
        "evidence.md": "Judge again, run again, evidence",
        "reliability.md": "When something goes wrong",
    }
    contribute = {"contributing.md": "Write a claim"}
    for name in sorted(set(pages) - {"index.md", *use, *contribute}):
        use[name] = pages[name].partition("\n")[0].removeprefix("# ")
    parts = {"Use": use, "Contribute": contribute}
    return [
        {"Start": "index.md"},
        *({part: [{title: name} for name, title in of_part.items()]} for part, of_part in parts.items()),
    ]


def relinked(text: str) -> str:
    """A document from the top folder as a page: links into `docs/` lead to pages, others are plain text."""

    def link(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        if target.startswith(("http", "#")):
            return found[0]
        if target.startswith("docs/"):
            return f"[{label}]({target.removeprefix('docs/')})"
        return f"[{label}](index.md)" if target == "README.md" else label

    return re.sub(r"(?<!!)\[([^\]\n]+)\]\(([^)\n]+)\)", link, text)


def _toml(nav: Any) -> str:
    """A navigation as an array of TOML; in strings JSON and TOML escape alike."""
    if isinstance(nav, str):
        return json.dumps(nav)
    if isinstance(nav, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {_toml(value)}' for key, value in nav.items())} }}"
    return f"[{', '.join(map(_toml, nav))}]"
