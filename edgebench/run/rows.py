"""What stands in the rows of a store, read strictly: a store may be damaged, or be somebody else's.

SQLite keeps in any column what it is given, so that neither the types nor the JSON of a row can be relied on.

Raises (every function): ValueError for what EdgeBench cannot have written; `Database.reading` makes a StoreError of it.
"""

from __future__ import annotations

import json
import math
from typing import Any

from edgebench.printable import harmless
from edgebench.run.record import Measured, Record, Status


def text(value: object) -> str:
    """A column of text, without control characters."""
    if not isinstance(value, str):
        raise ValueError(f"found {type(value).__name__}; expected text")
    found: str = harmless(value)
    return found


def number(value: object) -> float:
    """A finite number, of the type that it has."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not _is_finite(value):
        raise ValueError(f"found {str(value)[:40]!r}; expected a finite number")
    return value


def mapping(value: object) -> dict[str, Any]:
    """JSON of an object, without control characters in its texts."""
    found = _json(value)
    if not isinstance(found, dict):
        raise ValueError(f"found {type(found).__name__}; expected keys and values")
    return dict(harmless(found))


def listed(value: object) -> list[Any]:
    """A list, as JSON has it."""
    if not isinstance(value, list):
        raise ValueError(f"found {type(value).__name__}; expected a list")
    return value


def artefact_of(content: dict[str, Any]) -> str | None:
    """The digest that the content of `measured` names; it becomes part of a path."""
    digest = content.get("artefact")
    if digest is not None and not (isinstance(digest, str) and len(digest) == 64 and digest.isalnum()):
        raise ValueError("the artefact is not named by a SHA-256")
    return digest


def measured(value: object, correct: object) -> Measured:
    """The columns `measured` and `correct` of a record."""
    content = mapping(value)
    metrics = {name: number(each) for name, each in _object(content, "metrics").items()}
    curves = {name: tuple(map(number, listed(values))) for name, values in _object(content, "curves").items()}
    if not isinstance(content.get("diverged"), bool):
        raise ValueError("'diverged' is not true or false")
    if not isinstance(correct, bytes | None):
        raise ValueError(f"'correct' is {type(correct).__name__}; expected bytes")
    return Measured(metrics, curves, correct, content["diverged"], artefact_digest=artefact_of(content))


def settings(value: object) -> str:
    """A column of settings, of which `edgebench.run.costs` reads the parts: canonical JSON."""
    found = mapping(value)
    for key in ("data", "model", "augment"):
        if not isinstance(found.get(key, {}), dict):
            raise ValueError(f"'{key}' is not keys and values")
    return text(value)


def record(
    trial: str,
    status: object,
    seconds: object,
    found: Measured | None,
    message: object,
    environment: object,
) -> Record:
    """A record, or with nothing measured a failed attempt."""
    return Record(trial, Status(text(status)), found, number(seconds), text(message), mapping(environment))


def _object(content: dict[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    if not isinstance(found, dict):
        raise ValueError(f"'{key}' is {type(found).__name__}; expected keys and values")
    return found


def _json(value: object) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"found {type(value).__name__}; expected JSON")
    try:
        return json.loads(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False
