"""The page: one HTML file that holds everything it needs, and may load nothing from anywhere.

Text is escaped by the templates. Data stand in script elements that are never run; scripts are allowed by the hash of
their text (Content-Security-Policy), so that nothing that a claim says can become one. The plotting library lies in the
page as text, and is first read when a claim is opened.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from edgebench.report.findings.model import VERDICTS, AtTier, ClaimFindings, Findings, Item, Source
from edgebench.report.html.audit import audit_part
from edgebench.report.html.figure import Figure
from edgebench.report.html.intervals import interval_figures
from edgebench.report.html.plots import plots_of
from edgebench.report.tables import number

_HERE = "edgebench.report.html"
_STYLES = ("page.css", "table.css", "claim.css", "print.css")
_SCRIPTS = ("theme.js", "figures.js", "plots.js", "table.js", "views.js")
# In the head: what needs scripts is hidden before anything is shown.
_FIRST = 'document.documentElement.classList.add("js");'


@dataclass(frozen=True)
class _Shown:
    """A claim at a tier with its figures, each under an id that is unique in the page."""

    at: AtTier
    intervals: list[tuple[str, Figure]]
    plots: dict[str, dict[str, list[tuple[str, Figure]]]]  # by sort and case


def render(findings: Findings) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"json": as_json, "number": number, "web": is_web, "prose": prose}
    library, script = _plotly(), _script()
    shown = {claim.id: _numbered(claim) for claim in findings.claims()}
    return environment.get_template("page.html.jinja").render(
        findings=findings,
        verdicts=VERDICTS,
        shown=shown,
        data={claim.id: as_json(_data(claim, shown[claim.id])) for claim in findings.claims()},
        audit=audit_part(findings.audit) if findings.audit is not None else None,
        held=held,
        held_states=_HELD,
        source=Source,
        policy=_policy(_FIRST, script, library),
        style=Markup("\n".join(_static(name) for name in _STYLES)),
        first=Markup(_FIRST),
        script=Markup(script),
        library=Markup(library),
    )


def as_json(content: Any) -> Markup:
    """JSON that can stand in a script element: no character of it is one that HTML or JavaScript reads otherwise."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def prose(text: str) -> Markup:
    """Text as it stands, what it has between backticks in the letters of code."""
    return Markup(re.sub(r"`([^`\s](?:[^`]*[^`\s])?)`", r"<code>\1</code>", str(escape(text))))


def is_web(link: str) -> bool:
    """Whether a paper's link may be made one: a link can also be a script."""
    return link.startswith(("https://", "http://"))


_HELD = ("as recorded", "not as recorded", "from the baseline", "none")


def held(item: Item) -> str:
    """How an item stands to its baseline, as one of the few states that a reader filters by."""
    if item.source is Source.store:
        return _HELD[0] if item.result.green else _HELD[1]
    return _HELD[2] if item.source is Source.baseline else _HELD[3]


def _numbered(claim: ClaimFindings) -> list[_Shown]:
    count = 0
    shown = []

    def named(figures: Sequence[Figure]) -> list[tuple[str, Figure]]:
        nonlocal count
        count += len(figures)
        return [(f"f{count - len(figures) + place}", figure) for place, figure in enumerate(figures)]

    for at in claim.tiers:
        intervals = named(interval_figures(at.items))
        plots: dict[str, dict[str, list[tuple[str, Figure]]]] = {}
        for sort, figures in plots_of(at).items():
            plots[sort] = {}
            for name, figure in named(figures):
                plots[sort].setdefault(figure.case, []).append((name, figure))
        shown.append(_Shown(at, intervals, plots))
    return shown


def _data(claim: ClaimFindings, shown: Sequence[_Shown]) -> dict[str, Any]:
    """What the browser draws of a claim: its arms, by which colours go, and its figures by their ids."""
    every = [
        each
        for part in shown
        for each in (
            *part.intervals,
            *(f for cases in part.plots.values() for of in cases.values() for f in of),
        )
    ]
    return {
        "arms": claim.arms,
        "figures": {
            name: {"kind": f.kind, "data": f.data, "head": f.head, "rows": f.rows} for name, f in every
        },
    }


def _static(name: str) -> str:
    return (files(_HERE) / "static" / name).read_text(encoding="utf-8")


def _script() -> str:
    # One scope for all, which is not the page's.
    return '(() => {\n"use strict";\n' + "\n".join(_static(name) for name in _SCRIPTS) + "\n})();"


def _plotly() -> str:
    # Read as a file: `plotly.offline`, which has it too, brings the figures of Python with it.
    text = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    # Line ends as an HTML parser reads them, because the hash is of what it gives; and nothing that ends the element.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(*scripts: str) -> str:
    """Nothing from outside: scripts by their hash alone, no connections, no forms; styles are the page's own."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
