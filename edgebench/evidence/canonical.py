"""JSON of which equal content has one text, and a reader that takes no other text."""

from __future__ import annotations

import json
import math
from typing import Any

from edgebench.errors import EvidenceError

_DIGITS = 25  # of an integer: no count, byte or seed is longer


def dumps(content: Any) -> bytes:
    """Sorted keys, one space of indent, no NaN, and a newline at the end."""
    return (json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n").encode("ascii")


def loads(content: bytes, where: str) -> Any:
    """What `dumps` wrote.

    Args:
        where: what the content is of, for errors.

    Raises:
        EvidenceError: no JSON, a key twice, a number that is too long or not finite, too deep nesting.
    """
    try:
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_once,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except RecursionError:
        raise EvidenceError("is nested too deeply", where=where) from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise EvidenceError(f"is no JSON that a bundle holds: {str(error)[:200]}", where=where) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value
