"""The content hash of a trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata


def hash_of(key: Mapping[str, object]) -> str:
    """The hash of a trial with this key (`Trial.key`), 32 hex digits.

    Raises:
        ValueError: a number that is not finite.
    """
    return hashlib.sha256(canonical(key).encode()).hexdigest()[:32]


def canonical(content: Mapping[str, object]) -> str:
    """JSON that is equal for equal content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def version(package: str) -> str | None:
    """The version of an installed package; None where it is missing, of which the trial will speak itself."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
