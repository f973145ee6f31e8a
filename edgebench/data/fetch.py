"""Downloads, only when asked for: torchvision's copies of the sets that it can fetch and verify."""

from __future__ import annotations

from edgebench.data.cache import CACHE_VARIABLE, cache_folder
from edgebench.data.source import KNOWN, Source, check, locate
from edgebench.errors import DataError


def fetchable() -> tuple[str, ...]:
    """The named datasets that `fetch` can download."""
    return tuple(name for name, known in KNOWN.items() if known.torchvision)


def fetch(name: str) -> Source:
    """Download a dataset into the cache folder, where `locate` finds it; torchvision checks the MD5 sums.

    Files that are already there and intact are not downloaded again.

    Raises:
        DataError: the set cannot be downloaded by name, or the download failed.
    """
    check(name)
    kind = KNOWN[name].torchvision if name in KNOWN else None
    if kind is None:
        raise DataError(
            f"'{name}' cannot be downloaded",
            expected=f"one of {', '.join(fetchable())}",
            hint="it is part of EdgeBench already" if name == "digits" else None,
        )
    import torchvision

    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        dataset = getattr(torchvision.datasets, kind)
        for train in (True, False):
            dataset(root=str(root), train=train, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        # URLError and timeouts are OSErrors; torchvision reports failed mirrors and MD5 sums as RuntimeError.
        raise DataError(
            f"downloading '{name}' failed: {error}",
            where=str(root),
            hint=f"check the network connection, and that {CACHE_VARIABLE} is writable and has space",
        ) from error
    return locate(name)
