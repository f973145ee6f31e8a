"""Verifies a bundle by itself, without a store, data or a network: what it states follows from what it holds.

`read_bundle` has seen to its form and digests. Here the claims of the bundle are loaded by this version of EdgeBench;
each trial's key is hashed again, and held against the settings that the claim asks for; the verdicts are judged again
from the records by this version's statistics, and have to be those that are stated, of every effect.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebench import __version__
from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Case, Claim, Tier, item_key
from edgebench.errors import EdgebenchError, EvidenceError
from edgebench.evidence.bundle import Bundle
from edgebench.evidence.forms import StatedCase, StatedVerdict
from edgebench.evidence.judging import observations, verdict_of
from edgebench.evidence.keys import is_trial, key_problems
from edgebench.printable import printable
from edgebench.run.inputs import Unread
from edgebench.run.record import Measured
from edgebench.run.trial import trials_of

# Sums and special functions may end otherwise in the last digits on another machine.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Verified:
    """An effect of the bundle.

    Attributes:
        stated: what the bundle says; None where it says that the records do not decide.
    """

    claim: str
    tier: str
    item: str
    stated: StatedVerdict | None


@dataclass(frozen=True)
class Verification:
    """What came of verifying a bundle.

    Attributes:
        items: every effect.
        trials: how many keys were hashed again.
        problems: sentences; none when all that is stated follows.
    """

    items: tuple[Verified, ...]
    trials: int
    problems: tuple[str, ...]


def verify(bundle: Bundle) -> Verification:
    """Hold what a bundle states against what it holds.

    Raises:
        EvidenceError: when its claims cannot be loaded by this version.
    """
    claims = load_claims(bundle)
    items: list[Verified] = []
    problems = [
        f"it has the claim {name}, and no results of it" for name in claims if name not in bundle.statements
    ]
    problems += key_problems(bundle.trials)
    used: set[str] = set()
    for name, statement in bundle.statements.items():
        claim = claims.get(name)
        if claim is None:
            problems.append(f"it states results of {name}, and has no such claim")
            continue
        for tier, cases in statement.tiers.items():
            known = {case.id: case for case in claim.cases if tier in case.tiers}
            if known.keys() != cases.keys():
                problems.append(f"{name} at {printable(tier)}: the claim has other cases, or no such tier")
                continue
            for case_id, stated in cases.items():
                case = known[case_id]
                checked = _Case(bundle, claim, case, case.tiers[tier], stated)
                problems += checked.problems()
                used |= checked.used
                found = {**stated.verdicts, **dict.fromkeys(stated.open)}
                items += [Verified(name, tier, item_key(key, case_id), found[key]) for key in sorted(found)]
    if not problems and (unused := bundle.trials.keys() - used):
        problems.append(f"{len(unused)} of its trials are used by nothing, such as {min(unused)}")
    return Verification(tuple(items), len(bundle.trials), tuple(problems))


def load_claims(bundle: Bundle) -> dict[str, Claim]:
    """The claims of a bundle by id, loaded from a folder of their own that is gone when this returns.

    Raises:
        EvidenceError: when one cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        for (
            name,
            content,
        ) in bundle.members.items():  # names that leave no folder: `archive.unpack` has seen to it
            if name.startswith("claims/"):
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        root = Path(folder, "claims")
        if not root.is_dir():
            raise EvidenceError("has no claims", where=str(bundle.path))
        catalogue = load_catalogue([root])
    if catalogue.broken:
        said = "; ".join(map(str, catalogue.broken.values())).replace(f"{folder}/", "")
        raise EvidenceError(
            f"its claims cannot be loaded: {said}",
            where=str(bundle.path),
            hint=f"it was written by EdgeBench {printable(bundle.manifest.edgebench)}, this is {__version__}",
        )
    return {claim.id: claim for claim in catalogue.claims}


class _Case:
    """One case of a claim at a tier, as the bundle has it.

    Attributes:
        used: the hashes of the trials that it rests on.
    """

    def __init__(self, bundle: Bundle, claim: Claim, case: Case, tier: Tier, stated: StatedCase) -> None:
        self._bundle, self._claim, self._case, self._tier, self._stated = bundle, claim, case, tier, stated
        self._name = f"{claim.id}{f'[{case.id}]' if case.id else ''} at {tier.name}"
        self.used: set[str] = set()

    def problems(self) -> list[str]:
        """What does not follow, as sentences."""
        stated, effects = self._stated, self._case.effects
        if {*stated.verdicts, *stated.open} != effects.keys() or set(stated.open) & stated.verdicts.keys():
            return [f"{self._name}: it does not state each effect of the claim once"]
        most = 1 if self._claim.exact else self._tier.looks[-1]
        for arm, hashes in stated.arms.items():
            if arm not in self._tier.arms or len(hashes) > most:
                return [f"{self._name}: it has trials that the claim does not ask for, of {printable(arm)!r}"]
        if (problem := self._unfitting()) is not None:
            return [f"{self._name}: {problem}"]
        observed = observations(self._stated, self._bundle.trials)
        return [
            f"{self._name}: {each}" for key in effects if (each := self._unlike(key, observed)) is not None
        ]

    def _unfitting(self) -> str | None:
        """Why the trials are not those that the claim asks for; None when they are."""
        stated = self._stated.arms
        longest = max(map(len, stated.values()), default=0)
        effects = self._case.effects.values()
        pairs = trials_of(self._claim, self._tier, tuple(stated), range(longest), effects, Unread())
        for arm, asked in pairs:
            if asked.seed >= len(stated[arm]):
                continue
            trial_hash: str | None = stated[arm][asked.seed]
            needed = asked
            while trial_hash is not None:
                trial = self._bundle.trials.get(trial_hash)
                if trial is None:
                    return f"the trial {trial_hash} is not there"
                if trial.record is None and needed is asked:
                    return f"the trial {trial_hash} has no record"
                self.used.add(trial_hash)
                if not is_trial(trial, needed):
                    return f"the trial {trial_hash} is not that of '{arm}' at seed {asked.seed}"
                then = trial.key.get("needs")
                trial_hash = then if isinstance(then, str) else None
                if trial_hash is not None and needed.needs is not None:
                    needed = needed.needs
        return None

    def _unlike(self, key: str, observed: Mapping[tuple[str, int], Measured]) -> str | None:
        """In what the stated verdict of an effect is not that of the records; None when it is."""
        stated = self._stated.verdicts.get(key)
        try:
            found = verdict_of(self._claim, self._case, self._tier, key, self._stated, observed)
        except EdgebenchError as error:
            return f"'{key}' cannot be judged: {error}"
        if stated is None or found is None:
            same = stated is None and found is None
            said = "is undecided" if stated is None else f"is {stated.outcome}"
            return None if same else f"it states that '{key}' {said}, which its records do not say"
        differing = [name for name, a, b in _fields(stated, StatedVerdict.of(found)) if not _equal(a, b)]
        if not differing or (differing == ["reason"] and self._bundle.manifest.edgebench != __version__):
            return None
        names = ", ".join(differing)
        return f"it states that '{key}' is {stated.outcome}; its records say {found.outcome} (other: {names})"


def _fields(stated: StatedVerdict, found: StatedVerdict) -> Iterator[tuple[str, object, object]]:
    for name in StatedVerdict.model_fields:
        yield name, getattr(stated, name), getattr(found, name)


def _equal(a: object, b: object) -> bool:
    """Whether they are equal, numbers but for rounding."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return a == b
