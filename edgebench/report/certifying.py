"""Writes transfer certificates: a claim's baseline at a tier beside what a longer run of it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from edgebench.claim.claim import Claim, Effect, item_key
from edgebench.claim.longer import keeps_meaning
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError, CertificateError, EdgebenchError, SettingsError, TrialError
from edgebench.judge.baseline import Baseline, BaselineEffect, derive
from edgebench.judge.certificate import Certificate, CertifiedEffect, Side, dump
from edgebench.judge.transfer import sign_agreement, size_agreement
from edgebench.report.certificates import Certificates
from edgebench.report.live import Settled, live_session, settle_claims
from edgebench.report.recording import complain, describe, sign, write
from edgebench.report.result import Baselines
from edgebench.run.options import Options

Length = int | Literal["paper"]


@dataclass(frozen=True)
class _Longer:
    """What the longer run of a claim found, by item; `environment` is of that run."""

    claim: Claim
    effects: Mapping[str, BaselineEffect]
    environment: dict[str, JsonValue]


def certify_claims(
    claims: Sequence[Claim],
    options: Options,
    against: Length,
    *,
    why: str,
    by: str | None,
    say: Callable[[str], Any],
) -> list[Path]:
    """Compare claims' baselines with longer runs and write one certificate each; returns the files written.

    Args:
        options: the tier whose baselines are certified, and how the longer run is made.
        against: how many times as long trainings are, as a run of its own; or `paper`, the baselines of that tier.

    Raises:
        SettingsError: a tier or a length that makes no sense, or no reason.
        BaselineError, TrialError, CertificateError: what a claim lacks; all other claims are written first.
    """
    recorded = sign(by, why)
    if options.tier == "paper":
        raise SettingsError(
            "a certificate of tier paper", expected="smoke or short: the others are no proxies"
        )
    baselines, certificates = Baselines(), Certificates()
    written: list[Path] = []
    left_out: list[EdgebenchError] = []
    chosen: list[Claim] = []
    for claim in claims:
        try:
            _check(claim, options.tier, baselines)
            chosen.append(claim)
        except (BaselineError, CertificateError) as error:
            left_out.append(error)
    for found in (
        _recorded(chosen, baselines, left_out) if against == "paper" else _run(chosen, options, left_out)
    ):
        claim, tier = found.claim, options.tier
        short = baselines.get(claim, tier)
        assert short is not None, "it was checked"
        effects = _compared(claim, short, found.effects, say)
        if not effects:
            left_out.append(CertificateError("no effect of it can be compared", where=claim.id))
            continue
        certificate = Certificate(
            claim=claim.id,
            tier=tier,
            against=against,
            recorded=recorded,
            environment=found.environment,
            effects=effects,
        )
        path = certificates.path(claim, tier)
        write(path, dump(certificate))
        said = ", ".join(f"{item}: {effect.words}" for item, effect in effects.items())
        say(f"{display_path(path)}: {said}")
        written.append(path)
    complain(left_out)
    return written


def _check(claim: Claim, tier: str, baselines: Baselines) -> None:
    if claim.exact:
        raise CertificateError(
            "its values depend on no schedule", expected="a claim whose arms are trained", where=claim.id
        )
    if claim.kind == "latency":
        raise CertificateError("it is of times, which no schedule changes", where=claim.id)
    if baselines.get(claim, tier) is None:
        raise BaselineError(
            f"there is no baseline at tier {tier}",
            where=claim.id,
            hint=f'edgebench baseline record {claim.id} --tier {tier} --why "…"',
        )


def _recorded(
    claims: Sequence[Claim], baselines: Baselines, left_out: list[EdgebenchError]
) -> Iterator[_Longer]:
    """The baselines of tier paper."""
    for claim in claims:
        try:
            found = baselines.get(claim, "paper")
        except BaselineError as error:
            left_out.append(error)
            continue
        if found is None:
            hint = "compare with a schedule some times as long instead: --against 4x"
            left_out.append(BaselineError("there is no baseline at tier paper", where=claim.id, hint=hint))
        else:
            yield _Longer(claim, found.effects, found.environment)


def _run(claims: Sequence[Claim], options: Options, left_out: list[EdgebenchError]) -> Iterator[_Longer]:
    """A run with longer schedules; trials that the store has are not trained again.

    It is not in the store's history, whose runs are of one length each tier.
    """
    with live_session(options) as session:
        described = describe(session.executor.identity)
        for claim, settled in settle_claims(session, claims, options):
            try:
                yield _Longer(claim, _derived(claim, settled), described)
            except (TrialError, BaselineError) as error:
                left_out.append(error)


def _derived(claim: Claim, settled: Settled) -> dict[str, BaselineEffect]:
    """What would be recorded of the longer run's effects; those that name an epoch are left to `_compared`."""
    found = {}
    for case, judged in settled:
        for key, each in judged.items():
            if keeps_meaning(each.effect.value):
                if each.verdict is None:
                    where = f"{claim.id}::{item_key(key, case.id)}"
                    raise TrialError(f"nothing to certify: {each.failure}", where=where)
                found[item_key(key, case.id)] = derive(each.verdict)
    return found


def _compared(
    claim: Claim, short: Baseline, longer: Mapping[str, BaselineEffect], say: Callable[[str], Any]
) -> dict[str, CertifiedEffect]:
    effects = {}
    for case in claim.cases:
        for key, effect in case.effects.items():
            item = item_key(key, case.id)
            if item not in short.effects:
                continue
            if not keeps_meaning(effect.value):
                say(
                    f"{claim.id}::{item} names an epoch, which is another moment of a longer schedule: left out"
                )
            elif item in longer:
                effects[item] = _effect(effect, short.effects[item], longer[item])
    return effects


def _effect(effect: Effect, short: BaselineEffect, longer: BaselineEffect) -> CertifiedEffect:
    sides = _side(short), _side(longer)
    return CertifiedEffect(
        sign=sign_agreement(sides[0].interval, sides[1].interval, effect.expect),
        size=size_agreement(short.seeds, longer.seeds, effect.expect, effect.margin),
        short=sides[0],
        longer=sides[1],
    )


def _side(effect: BaselineEffect) -> Side:
    assert effect.interval is not None, "effects of trained arms have one"
    return Side(verdict=effect.verdict, value=effect.value, interval=effect.interval, seeds=effect.seeds)
