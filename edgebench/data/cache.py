"""Where EdgeBench keeps what it can make again: decoded images, digests, downloads."""

from __future__ import annotations

import os
from pathlib import Path

DATA_VARIABLE = "EDGEBENCH_DATA"
CACHE_VARIABLE = "EDGEBENCH_CACHE"


def cache_folder() -> Path:
    """`EDGEBENCH_CACHE`, else `XDG_CACHE_HOME/edgebench`, else `~/.cache/edgebench`; not created here."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    # The XDG specification says that a relative XDG_CACHE_HOME is to be ignored.
    root = Path(base) if base and os.path.isabs(base) else Path(os.path.expanduser("~")) / ".cache"
    return root / "edgebench"
