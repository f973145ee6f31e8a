"""What an export is made of: the newest results of a store, and the trials that they rest on. Nothing is run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgebench.claim.claim import Claim, item_key
from edgebench.claim.models import TIERS
from edgebench.errors import DataError
from edgebench.judge.effects import arms_to_run
from edgebench.report.documents import document, item_document, run_form
from edgebench.report.history import Entry
from edgebench.report.sides import Side
from edgebench.run.environment import identity_key
from edgebench.run.store import Store
from edgebench.run.trial import trials_of


@dataclass(frozen=True)
class ExportedTrial:
    """A trial in the place that it has in a claim; one that several claims share stands in each.

    Attributes:
        case: of the claim's matrix, empty without one.
        seed: index in the public sequence of seeds.
        trial: its content hash, equal for equal trials.
        settings: resolved, as they were trained.
        metrics: by name; of a trial that times all arms together, those of this arm.
        curves: one value per epoch, by name.
    """

    claim: str
    case: str
    tier: str
    arm: str
    seed: int
    trial: str
    status: str
    seconds: float
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[float]]

    @property
    def name(self) -> str:
        """Within its claim: `plain[conv], seed 3`."""
        return f"{item_key(self.arm, self.case)}, seed {self.seed}"

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "case": self.case or None}


@dataclass(frozen=True)
class Content:
    """What is exported.

    Attributes:
        told: which runs the results are of, in words.
        entries: the newest result of each item, with its run.
        trials: those that the results rest on, as the claims stand now.
        remarks: sentences on what could not be had.
    """

    told: str
    entries: tuple[Entry, ...]
    trials: tuple[ExportedTrial, ...] = ()
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The document of kind `export`."""
        runs = {entry.run.number: run_form(entry.run) for entry in self.entries}
        items = [{"run": entry.run.number, **item_document(entry.result)} for entry in self.entries]
        trials = [trial.to_json() for trial in self.trials]
        return document(
            "export",
            {"runs": [runs[number] for number in sorted(runs)], "items": items, "trials": trials},
        )


def chosen(side: Side, words: Sequence[str] = (), tier: str | None = None) -> Content:
    """The items of some runs, without trials.

    Args:
        words: only items that contain one of these in `<claim>::<item>`; all without any.
        tier: only those at this tier.
    """
    entries = [
        entry
        for entry in side.entries.values()
        if tier in (None, entry.result.tier)
        and (not words or any(word.lower() in entry.result.id.lower() for word in words))
    ]
    entries.sort(key=lambda entry: (TIERS.index(entry.result.tier), entry.result.claim))
    return Content(side.told, tuple(entries))


def with_trials(content: Content, claims: Sequence[Claim], store: Store) -> Content:
    """The content with the trials of its items, found by what the claims say now.

    Raises:
        StoreError: when the store cannot be read.
    """
    by_id = {claim.id: claim for claim in claims}
    found: dict[tuple[str, str, str, str, int], ExportedTrial | None] = {}
    remarks: dict[str, None] = {}
    for entry in content.entries:
        claim = by_id.get(entry.result.claim)
        if claim is None:
            remarks[f"{entry.result.claim} is no claim here; its trials are left out"] = None
            continue
        try:
            _add(found, claim, entry, store)
        except DataError as error:
            remarks[f"the trials of {claim.id} are left out: {error}"] = None
    missing = Counter(claim for (claim, *_), trial in found.items() if trial is None)
    for name, count in missing.items():
        said = f"{count} trials of {name}, as it stands now, are not in the store; they are left out"
        remarks[said] = None
    trials = tuple(trial for trial in found.values() if trial is not None)
    return Content(content.told, content.entries, trials, tuple(remarks))


def _add(
    found: dict[tuple[str, str, str, str, int], ExportedTrial | None],
    claim: Claim,
    entry: Entry,
    store: Store,
) -> None:
    """Add the trials that a result rests on."""
    result = entry.result
    for case in claim.cases:
        tier = case.tiers.get(result.tier)
        effects = [each for key, each in case.effects.items() if item_key(key, case.id) == result.item]
        if case.over or tier is None or not effects:  # a trend's trials are those of the other cases
            continue
        for arm, trial in trials_of(
            claim, tier, arms_to_run(effects[0], claim, tier), range(result.n), effects
        ):
            place = (claim.id, case.id, result.tier, arm, trial.seed)
            if found.get(place) is not None:
                continue
            record = store.get(trial.hash, identity_key(entry.run.identity))
            if record is None or record.measured is None:
                found[place] = None
                continue
            metrics = record.measured.metrics
            if claim.kind == "latency":
                own = f"{arm}/"
                metrics = {name[len(own) :]: value for name, value in metrics.items() if name.startswith(own)}
            found[place] = ExportedTrial(
                *place,
                trial.hash,
                str(record.status),
                record.seconds,
                json.loads(trial.settings_json),
                metrics,
                record.measured.curves,
            )
