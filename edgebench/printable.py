"""Text from outside, made safe to show: what a terminal would obey, or what hides how a line reads, is escaped.

Claim files with such characters are refused (`edgebench.claim.nodes`), errors escape them as they are made
(`edgebench.errors`), and what a store holds is escaped as it is read (`edgebench.run.history`, `edgebench.run.record`).
"""

from __future__ import annotations

import re
from typing import Any

# Control characters but for tab and line feed, separators of lines, overrides and isolates of the direction of writing
# (https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing), and halves of surrogate pairs.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, *, lines: bool = False) -> str:
    """The text with every character that does not print escaped as in Python; with `lines`, but for line feeds."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or (lines and c == "\n") else _escaped(c) for c in text)


def harmless(content: Any) -> Any:
    """Text, or what JSON can hold, with every `CONTROL` character escaped; all else is as it was."""
    if isinstance(content, str):
        return CONTROL.sub(lambda found: _escaped(found[0]), content)
    if isinstance(content, dict):
        return {harmless(key): harmless(value) for key, value in content.items()}
    return [harmless(each) for each in content] if isinstance(content, list) else content


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
