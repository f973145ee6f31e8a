"""Records anew what flipped or drifted, and nothing else, for a person to review.

A baseline speaks of one machine. Where the results come from another one than the baseline's, all items of its file are
recorded anew, because those that are compatible with a new sample on another machine need not be as recorded on their
own; on the same machine the text of every item that did not move stays as it is, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgebench.claim.claim import Claim, item_key
from edgebench.claim.problems import display_path
from edgebench.errors import BaselineError, EdgebenchError, TrialError
from edgebench.judge.baseline import Baseline, Recorded
from edgebench.judge.baseline_file import renew
from edgebench.report.baseline_changes import Change, Shown
from edgebench.report.live import Settled, live_session, logged, settle_claims
from edgebench.report.recording import carry_first, complain, derive_all, describe, write
from edgebench.report.result import Baselines, Result, assess
from edgebench.run import environment
from edgebench.run.options import Options


def refresh_baselines(
    claims: Sequence[Claim], options: Options, *, recorded: Recorded, warn: Callable[[str], object]
) -> list[Change]:
    """Settle the claims, and renew the baselines of the items that flipped or drifted; returns what was changed.

    Items without a baseline are left to `record`, and so are files that cannot be read.

    Raises:
        TrialError, BaselineError: an item of a claim that moved has no valid verdict, or its file cannot be written;
            all other claims are renewed first.
    """
    changes: list[Change] = []
    left_out: list[EdgebenchError] = []
    with live_session(options) as session, logged(session, claims, options, warn) as log:
        for claim, settled in settle_claims(session, claims, options):
            baselines = Baselines()
            results = _assess(claim, settled, options, baselines)
            try:
                if any(result.baseline in ("flipped", "drifted") for result in results):
                    changes += _renew(
                        claim, settled, results, options.tier, recorded, session.executor.identity
                    )
                    results = _assess(claim, settled, options, Baselines())
            except (TrialError, BaselineError) as error:
                left_out.append(error)
            for result in results:
                log.add(result.to_json())
    complain(left_out)
    return changes


def _assess(claim: Claim, settled: Settled, options: Options, baselines: Baselines) -> list[Result]:
    results = []
    for case, judged in settled:
        tier = options.tier_of(claim, case)
        assert tier is not None, "settled cases have the tier"
        results += [assess(claim, case, tier, each, baselines) for each in judged.values()]
    return results


def _renew(
    claim: Claim, settled: Settled, results: Sequence[Result], tier: str, recorded: Recorded, identity: Any
) -> list[Change]:
    path = Baselines().path(claim, tier)
    before = Baselines().get(claim, tier)
    assert before is not None, "something is held against it"
    moved = {result.item for result in results if result.baseline in ("flipped", "drifted")}
    if not environment.matches(before.environment, identity):
        moved = {result.item for result in results if result.item in before.effects}
    chosen = [
        (case, {key: each for key, each in judged.items() if item_key(key, case.id) in moved})
        for case, judged in settled
    ]
    new = derive_all(claim, chosen, before)
    new = {item: carry_first(effect, item, before, recorded.when) for item, effect in new.items()}
    baseline = Baseline(
        claim=claim.id,
        tier=tier,
        recorded=recorded,
        environment=describe(identity),
        effects={**before.effects, **new},
    )
    try:
        text = renew(path.read_text(encoding="utf-8"), baseline, moved)
    except BaselineError as error:
        raise BaselineError(
            error.found, expected=error.expected, where=display_path(path), hint=error.hint
        ) from None
    write(path, text)
    return [
        Change(claim.id, item, before.effects[item], before.recorded, Shown.stored(effect))
        for item, effect in new.items()
    ]
