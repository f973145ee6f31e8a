"""A figure of the page: what the browser draws, and the same as words and as a table for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One plot.

    Attributes:
        kind: which function of `static/figures.js` draws it.
        case: of the claim's matrix; empty without one.
        said: what there is to see, in words.
        head, rows: its numbers as a table.
        data: what is drawn; JSON.
    """

    kind: str
    title: str
    case: str
    said: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: dict[str, Any]


def listed(parts: Sequence[str], most: int = 8) -> str:
    """Some parts of a sentence, the first ones in full and the others counted."""
    shown = "; ".join(parts[:most])
    return f"{shown}; and {len(parts) - most} more" if len(parts) > most else shown
