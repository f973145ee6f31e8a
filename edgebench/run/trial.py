"""A trial: one arm × one seed × one tier, fully resolved, identified by what can change its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from edgebench.claim.claim import Claim, Tier
from edgebench.claim.settings import Kind, Settings, TrainSettings
from edgebench.data.source import digest

# The version of the hash's own form, and of what the harness does with the same settings. Raise SEMANTICS whenever a
# change of code can change a result: stored records of other semantics are then left alone, not served.
HASH_VERSION = 1
SEMANTICS = 1


@dataclass(frozen=True)
class Trial:
    """What one process runs.

    Attributes:
        seed: index in the public sequence of seeds; 0 for kinds whose values depend on none.
        data: digest of the dataset's content, None for kinds that use no data.
    """

    kind: Kind
    settings: Settings
    seed: int
    data: str | None

    @cached_property
    def hash(self) -> str:
        """Content hash, 32 hex digits: equal exactly when the results must be equal."""
        content = {
            "hash": HASH_VERSION,
            "semantics": SEMANTICS,
            "kind": self.kind,
            "settings": self._settings,
            "seed": self.seed,
            "data": self.data,
        }
        return hashlib.sha256(_canonical(content).encode()).hexdigest()[:32]

    @cached_property
    def settings_json(self) -> str:
        """The settings as canonical JSON: equal for the seeds of one arm, and for equal arms of different claims."""
        return _canonical(self._settings)

    @property
    def _settings(self) -> dict[str, object]:
        return self.settings.model_dump(mode="json", exclude_none=True)

    def describe(self) -> str:
        """A short name for progress displays and errors."""
        settings = self.settings
        if isinstance(settings, TrainSettings):
            return f"{settings.model.name} on {settings.data.name}, seed {self.seed}"
        return f"{self.kind} {settings.name if hasattr(settings, 'name') else settings.model.name}"


def _canonical(content: Mapping[str, object]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def seed_value(index: int, purpose: str = "") -> int:
    """The `index`-th public seed, 63 bits, derived from the index alone; one independent stream per purpose.

    Purposes (`split`, `order`, `augment`, `affine`, `init`, `noise`) keep arms comparable: an arm that draws more
    augmentation noise still sees the same order of images and starts from the same weights.
    """
    name = f"edgebench seed {index} {purpose}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1


def trials_of(claim: Claim, tier: Tier, arms: tuple[str, ...], seeds: range) -> list[tuple[str, Trial]]:
    """The trials of some arms over some seeds, seeds interleaved: every arm of one seed before the next seed.

    Raises:
        DataError: when a dataset is missing.
    """
    if claim.exact:
        seeds = range(1)
    digests = {arm: _data_digest(tier.arms[arm]) for arm in arms}
    return [(arm, Trial(claim.kind, tier.arms[arm], seed, digests[arm])) for seed in seeds for arm in arms]


def _data_digest(settings: Settings) -> str | None:
    return digest(settings.data) if isinstance(settings, TrainSettings) else None
