"""What is fed with hostile inputs: every reader of EdgeBench, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Protocol

from tools.fuzz import claim_targets, data_targets, evidence_targets, store_targets


class Target(Protocol):
    """A reader.

    Attributes:
        name: by which it is asked for.
    """

    name: str

    def sample(self, random: Random) -> bytes:
        """An input that is nearly what the reader wants, drawn from `random` alone."""
        ...

    def feed(self, data: bytes) -> bool:
        """Read the input as EdgeBench would; whether it was of use. Errors of EdgebenchError's family are answers."""
        ...


TARGETS: Mapping[str, Callable[[Path], Target]] = {
    each.name: each
    for each in (
        claim_targets.Claims,
        claim_targets.Recipes,
        claim_targets.Papers,
        claim_targets.Baselines,
        claim_targets.Expressions,
        claim_targets.Expectations,
        store_targets.Stores,
        evidence_targets.Bundles,
        data_targets.Npz,
        data_targets.Idx,
        data_targets.Pickles,
        data_targets.Images,
        data_targets.Voc,
        data_targets.Coco,
        data_targets.Prepared,
        data_targets.Safetensors,
        data_targets.TorchFiles,
        data_targets.Described,
    )
}
