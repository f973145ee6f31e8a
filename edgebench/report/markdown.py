"""Tables and text in GitHub's Markdown, safe whatever a claim's text holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What Markdown, HTML or GitHub (mentions, issue numbers, mathematics) would take for something else than text.
_SPECIAL = re.compile(r"[\\`*_\[\]#|~<>&@$!]")


def text(content: object) -> str:
    """The content on one line, every character that could mean something written as a numeric entity."""
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(content).split()))


def code(content: object) -> str:
    """The content in the letters of code; unlike between backticks, a `|` in it ends no cell."""
    return f"<code>{text(content)}</code>"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """A table of cells that are Markdown already; columns named in `right` are aligned to the right."""
    rule = ["---:" if name in right else "---" for name in headers]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headers, rule, *rows])


def folded(title: str, content: str) -> str:
    """Content that a reader opens by a click."""
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n\n</details>"
