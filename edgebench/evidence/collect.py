"""Puts a bundle together from claims, store, baselines and certificates; nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edgebench import __version__
from edgebench.claim.claim import Case, Claim, Tier
from edgebench.claim.loader import load_claim
from edgebench.claim.recipes import Recipes
from edgebench.errors import EdgebenchError, EvidenceError
from edgebench.evidence.bundle import sealed
from edgebench.evidence.canonical import dumps
from edgebench.evidence.forms import StatedCase, StatedVerdict, Statement, StoredRecord, StoredTrial
from edgebench.judge.effects import arms_to_run
from edgebench.report.certificates import Certificates
from edgebench.report.result import Baselines
from edgebench.run import environment
from edgebench.run.history import git_commit
from edgebench.run.outlook import StoredOutlook
from edgebench.run.record import Record
from edgebench.run.store import Store
from edgebench.run.trial import Trial, trials_of

_PASSING = ("when", "load")  # of the machine's state: what two bundles of the same need not agree in


class Collection:
    """Collects claims and what they rest on.

    Args:
        store: only read.
        device: records count that were made on it, on this machine.
        warn: told which tier is left out, and why.

    Raises:
        SettingsError: when the device cannot be had.
    """

    def __init__(self, store: Store, device: str, warn: Callable[[str], object]) -> None:
        self._identity = environment.identity(device)
        key = environment.identity_key(self._identity)
        self._outlook = StoredOutlook(store, key, lambda claim, tier: None)
        self._warn = warn
        self._members: dict[str, bytes] = {}
        self._root: Path | None = None

    def add(self, claim: Claim, tiers: Sequence[str] = ()) -> None:
        """Add a claim at some tiers, or at all of which the store has anything.

        Raises:
            EvidenceError: when the store has nothing of it.
            DataError: when data are missing at a tier that was asked for: trials are known by them.
        """
        found: dict[str, dict[str, StatedCase]] = {}
        for name in tiers or claim.tiers:
            try:
                cases = {
                    case.id: self._case(claim, case, case.tiers[name])
                    for case in claim.cases
                    if name in case.tiers
                }
            except EdgebenchError as error:
                if tiers:
                    raise
                self._warn(f"{claim.id} at {name} is left out: {error}")
                continue
            if any(case.arms for case in cases.values()):
                found[name] = cases
        if not found:
            at = f" at {', '.join(tiers)}" if tiers else ""
            hint = f"edgebench run -k {claim.id}"
            raise EvidenceError(f"the store has nothing of {claim.id}{at}", hint=f"make it with `{hint}`")
        statement = Statement(claim=claim.id, tiers=found)
        self._members[f"results/{claim.id}.json"] = dumps(statement.model_dump(mode="json"))
        self._add_files(claim, list(found))

    def sealed(self) -> bytes:
        """The bundle of all that was added.

        Raises:
            EvidenceError: it is too large.
        """
        commit, dirty = git_commit(self._root or Path())
        state = {name: each for name, each in environment.state().items() if name not in _PASSING}
        about = {
            "edgebench": __version__, "commit": commit, "dirty": dirty,
            "environment": {"identity": self._identity, "state": {**state, **environment.versions()}},
        }  # fmt: skip
        return sealed(about, self._members)

    def _case(self, claim: Claim, case: Case, tier: Tier) -> StatedCase:
        arms: dict[str, list[str]] = {}
        verdicts: dict[str, StatedVerdict] = {}
        for key, effect in case.effects.items():
            prospect = self._outlook.prospect(claim, case, tier, effect)
            if prospect.verdict is not None:
                verdicts[key] = StatedVerdict.of(prospect.verdict)
            if not prospect.seeds:
                continue
            needed = arms_to_run(effect, claim, tier)
            for arm, trial in trials_of(claim, tier, needed, range(prospect.seeds), (effect,)):
                of_arm = arms.setdefault(arm, [])
                if len(of_arm) == trial.seed:
                    of_arm.append(trial.hash)
                    self._add_trial(trial)
        return StatedCase(
            arms={arm: tuple(hashes) for arm, hashes in arms.items()},
            verdicts=verdicts,
            open=tuple(key for key in case.effects if key not in verdicts),
        )

    def _add_trial(self, trial: Trial) -> None:
        # Whatever else is wanted of it, such as weights that somebody has deleted: it is the same trial.
        record = self._outlook.record(replace(trial, wanted=frozenset()))
        stored = StoredTrial.model_validate(
            {
                "key": trial.key,
                "description": trial.describe(),
                "record": None if record is None else _stored(record),
            }
        )
        self._members[f"trials/{trial.hash}.json"] = dumps(stored.model_dump(mode="json"))
        if trial.needs is not None:
            self._add_trial(trial.needs)

    def _add_files(self, claim: Claim, tiers: Sequence[str]) -> None:
        root = self._root = claim.path.parent.parent
        recipes = Recipes(root)
        load_claim(claim.path, recipes)
        for path in (claim.path, claim.path.parent / "paper.yaml", *recipes.used):
            self._add_file(f"claims/{path.relative_to(root).as_posix()}", path)
        for name in tiers:
            self._add_file(f"baselines/{name}/{claim.id}.yaml", Baselines().path(claim, name))
            self._add_file(f"certificates/{name}/{claim.id}.yaml", Certificates().path(claim, name))

    def _add_file(self, name: str, path: Path) -> None:
        if not path.is_file():
            return
        try:
            self._members[name] = path.read_bytes()
        except OSError as error:
            raise EvidenceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None


def _stored(record: Record) -> StoredRecord:
    measured = record.measured
    assert measured is not None, "the store serves no failed trials"
    return StoredRecord.model_validate(
        {
            "status": str(record.status),
            "seconds": record.seconds,
            "metrics": measured.metrics,
            "curves": measured.curves,
            "correct": None if measured.correct is None else measured.correct.hex(),
            "artefact": measured.artefact_digest,
            "environment": record.environment,
        }
    )
