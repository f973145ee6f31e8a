"""`edgebench data`: get datasets."""

from __future__ import annotations

from typing import Annotated

import typer


def fetch(name: Annotated[str, typer.Argument(help="mnist, fashion-mnist, cifar10 or cifar100")]) -> None:
    """Download a dataset into the cache folder. Example: edgebench data fetch cifar10"""
    from edgebench.data.fetch import fetch as download

    source = download(name)
    typer.echo(f"{name}: {source.origin}")
