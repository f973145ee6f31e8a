"""Gathers what a report says from claims, store and baselines; nothing is run and nothing is written."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edgebench import __version__
from edgebench.claim.catalogue import Catalogue
from edgebench.claim.claim import Case, Claim, Paper, Tier
from edgebench.claim.models import TIERS
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError, EdgebenchError
from edgebench.judge.audit.audit import Audit, audit
from edgebench.judge.audit.subject import subjects
from edgebench.judge.baseline import Baseline
from edgebench.report.findings.costs import costs_of
from edgebench.report.findings.curves import arms_of, curves_of
from edgebench.report.findings.environments import environments_of
from edgebench.report.findings.fronts import fronts_of
from edgebench.report.findings.model import AtTier, ClaimFindings, Findings, Item, PaperFindings, Source
from edgebench.report.findings.standing import Identity, standing
from edgebench.report.heatmap import grids
from edgebench.report.result import Baselines
from edgebench.run import environment
from edgebench.run.history import git_commit
from edgebench.run.outlook import StoredOutlook
from edgebench.run.record import Measured, Record
from edgebench.run.store import Store
from edgebench.run.trial import trials_of

_DRAWS = 20_000  # of simulated noise: the standard error of a rate of 5 % is 0.15 points


def gather(
    catalogue: Catalogue,
    claims: Sequence[Claim],
    tiers: Iterable[str] = (),
    *,
    store: Store | None,
    device: str = "cpu",
) -> Findings:
    """Everything that is known of some claims.

    Args:
        catalogue: that the claims are of.
        tiers: those to show; if none is given, those that have a result or a baseline, or all where none has.
        store: None where there is none yet; it is only read.
        device: records count that were made on it, on this machine.

    Raises:
        StoreError: when the store cannot be read.
        SettingsError: when the device cannot be had.
    """
    identity = environment.identity(device)
    known = _Known(
        StoredOutlook(store, environment.identity_key(identity), lambda claim, tier: None),
        Baselines(),
        identity,
    )
    asked = [tier for tier in TIERS if tier in tiers]
    found = {
        claim.path: {tier: known.at(claim, tier) for tier in asked or TIERS if tier in claim.tiers}
        for claim in claims
    }
    evident = [tier for tier in TIERS if any(_any_known(each.get(tier)) for each in found.values())]
    shown = asked or evident or list(TIERS)
    left_out = {
        tier: sum(len(each[tier].items) for each in found.values() if tier in each)
        for tier in TIERS
        if tier not in shown and not asked
    }
    papers = [
        _paper(
            catalogue.papers[name],
            [(claim, found[claim.path]) for claim in claims if claim.paper == name],
            shown,
        )
        for name in dict.fromkeys(claim.paper for claim in claims)
    ]
    return Findings(
        made=datetime.now(UTC),
        version=__version__,
        commit=_commit(claims),
        tiers=tuple(shown),
        left_out={tier: count for tier, count in left_out.items() if count},
        papers=tuple(paper for paper in papers if paper.claims),
        broken=tuple(str(error) for error in catalogue.broken.values()),
        audit=_audit(claims, known.baselines),
    )


def _audit(claims: Sequence[Claim], baselines: Baselines) -> Audit | None:
    """An audit on the baselines of all tiers, with fewer draws than `edgebench audit` has: a report is made often."""
    audited = list(subjects(claims, baselines.get))
    return audit(audited, _DRAWS) if audited else None


@dataclass(frozen=True)
class _Known:
    """Where everything that is known is read from."""

    outlook: StoredOutlook
    baselines: Baselines
    identity: Identity

    def at(self, claim: Claim, name: str) -> AtTier:
        cases = [(case, case.tiers[name]) for case in claim.cases if name in case.tiers]
        items = tuple(item for case, tier in cases for item in self._items(claim, case, tier))
        records = {case.id: self._records(claim, tier) for case, tier in cases if not case.over}
        # A trend's arms are those of the other cases, which have them already.
        own = [(case, tier, _trained(records[case.id])) for case, tier in cases if not case.over]
        try:
            baseline = self.baselines.get(claim, name)
        except BaselineError:  # its items say so
            baseline = None
        return AtTier(
            name=name,
            items=items,
            curves=tuple(
                each for case, tier, trained in own for each in curves_of(claim, tier, case.id, trained)
            ),
            costs=tuple(
                each
                for case, tier, trained in own
                for each in costs_of(claim, tier, case.id, case.effects.values(), trained)
            ),
            fronts=tuple(
                each
                for case, tier, trained in own
                for each in fronts_of(claim, tier, case.id, case.effects.values(), trained)
            ),
            grids=tuple(grids([item.result for item in items])),
            environments=environments_of(_once(records.values()), baseline),
            recorded=_recorded(baseline),
            command=shlex.join(["pytest", display_path(claim.path), "--tier", name]),
        )

    def _items(self, claim: Claim, case: Case, tier: Tier) -> list[Item]:
        return [
            standing(claim, case, tier, effect, self.outlook, self.baselines, self.identity)
            for effect in case.effects.values()
        ]

    def _records(self, claim: Claim, tier: Tier) -> dict[str, list[Record]]:
        """The records of all arms, from the first seed to the first that the store does not have of all of them."""
        found: dict[str, list[Record]] = {arm: [] for arm in tier.arms}
        try:
            pairs = trials_of(claim, tier, tuple(tier.arms), range(tier.looks[-1]))
        except EdgebenchError:  # the items say so
            return found
        for arm, trial in pairs:
            record = self.outlook.record(trial)
            if record is not None and record.measured is not None and len(found[arm]) == trial.seed:
                found[arm].append(record)
        return found


def _trained(records: dict[str, list[Record]]) -> dict[str, list[Measured]]:
    return {arm: [each.measured for each in of if each.measured is not None] for arm, of in records.items()}


def _once(records: Iterable[dict[str, list[Record]]]) -> list[Record]:
    """Each record once, however many arms share it."""
    every = (record for of_case in records for of_arm in of_case.values() for record in of_arm)
    return list({record.trial: record for record in every}.values())


def _any_known(at: AtTier | None) -> bool:
    return at is not None and any(item.source is not Source.nothing for item in at.items)


def _recorded(baseline: Baseline | None) -> str:
    if baseline is None:
        return ""
    by = baseline.recorded
    return f"{by.when} by {by.by}: {by.why}"


def _paper(
    paper: Paper, claims: Sequence[tuple[Claim, dict[str, AtTier]]], shown: Sequence[str]
) -> PaperFindings:
    file = paper.file
    found = [_claim(claim, [at[tier] for tier in shown if tier in at]) for claim, at in claims]
    return PaperFindings(
        id=paper.id,
        title=" ".join(file.title.split()),
        authors=tuple(file.authors),
        year=file.year,
        link=file.link,
        note=file.note,
        claims=tuple(claim for claim in found if claim.tiers),
    )


def _claim(claim: Claim, tiers: Sequence[AtTier]) -> ClaimFindings:
    own = (case for case in claim.cases if not case.over)
    arms = dict.fromkeys(arm for case in own for tier in case.tiers.values() for arm in arms_of(tier))
    return ClaimFindings(
        id=claim.id,
        statement=" ".join(claim.statement.split()),
        where=claim.where,
        kind=claim.kind,
        tags=claim.tags,
        note=" ".join(claim.note.split()) if claim.note else None,
        arms=tuple(arms),
        source=claim.path.read_text(encoding="utf-8"),
        path=display_path(claim.path),
        tiers=tuple(tiers),
    )


def _commit(claims: Sequence[Claim]) -> str | None:
    commit, dirty = git_commit(claims[0].path.parent.parent) if claims else (None, None)
    return f"{commit[:7]}{'*' if dirty else ''}" if commit else None
