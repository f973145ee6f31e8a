"""`edgebench data`: get datasets and weights."""

from __future__ import annotations

from typing import Annotated

import typer

WEIGHTS = "weights:"


def fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="mnist, fashion-mnist, cifar10, cifar100, voc, or weights:NETWORK (torchvision's)"
        ),
    ],
) -> None:
    """Download a dataset, or weights, into the cache folder. Example: edgebench data fetch cifar10"""
    from edgebench.data import fetch as downloads

    if name.startswith(WEIGHTS):
        typer.echo(f"{name}: {downloads.fetch_weights(name.removeprefix(WEIGHTS)).name}")
    elif name == "voc":
        typer.echo(f"{name}: {downloads.fetch_scenes().root}")
    else:
        typer.echo(f"{name}: {downloads.fetch(name).origin}")
