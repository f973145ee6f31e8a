"""What a bundle differs in from the claims of this checkout and from this machine."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgebench import __version__
from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Claim, item_key
from edgebench.claim.problems import display_path
from edgebench.errors import EdgebenchError
from edgebench.evidence.bundle import Bundle
from edgebench.evidence.forms import StatedCase
from edgebench.evidence.judging import observations, verdict_of
from edgebench.evidence.keys import is_trial
from edgebench.printable import printable
from edgebench.run import environment
from edgebench.run.inputs import Unread
from edgebench.run.trial import SEMANTICS, trials_of

_COMPARED = (
    100_000  # bytes of files that are compared line by line, which takes time that grows faster than they
)
_LINES = 20  # of a difference between two files that are shown


def differences(bundle: Bundle, root: Path) -> list[str]:
    """Sentences on what is otherwise here; files that differ with their lines. None of it speaks against the bundle.

    Args:
        root: folder of claims, with the baselines and certificates beside it.
    """
    found = [*_files(bundle, root), *_verdicts(bundle, root), *_versions(bundle)]
    identities = {
        key: _identity(each.record.environment)
        for key, each in bundle.trials.items()
        if each.record is not None
    }
    here = environment.identity()
    for name in sorted({name for of_trial in identities.values() for name in of_trial} | set(here)):
        there = sorted({str(of_trial.get(name, "–")) for of_trial in identities.values()})
        if there and there != [str(here.get(name, "–"))]:
            found.append(
                f"its trials ran with {printable(name)} {printable(', '.join(there))[:200]}; here {here.get(name, '–')}"
            )
    return found


def _identity(described: Mapping[str, object]) -> Mapping[str, object]:
    identity = described.get("identity")
    return identity if isinstance(identity, dict) else {}


def _files(bundle: Bundle, root: Path) -> Iterator[str]:
    for name, content in bundle.members.items():
        if not name.startswith(("claims/", "baselines/", "certificates/")):
            continue
        path = root / name.removeprefix("claims/") if name.startswith("claims/") else root.parent / name
        try:
            ours = path.read_bytes() if path.is_file() else None
        except OSError as error:
            yield f"{display_path(path)} cannot be read: {error.strerror}"
            continue
        if ours is None:
            yield f"there is no {display_path(path)} here"
        elif ours != content and max(len(ours), len(content)) > _COMPARED:
            yield f"{display_path(path)} is another here, of {len(ours)} bytes instead of {len(content)}"
        elif ours != content:
            lines = [
                printable(line)
                for line in difflib.unified_diff(
                    _lines(content), _lines(ours), "bundle", "here", n=0, lineterm=""
                )
            ][2:]
            more = [f"… and {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
            shown = "\n    ".join((*(line[:160] for line in lines[:_LINES]), *more))
            yield f"{display_path(path)} is another here ('-' in the bundle, '+' here):\n    {shown}"


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines()


def _verdicts(bundle: Bundle, root: Path) -> Iterator[str]:
    """Verdicts that the claims of this checkout give the bundle's records, where they are not those stated."""
    for name, statement in bundle.statements.items():
        path = root / f"{name}.yaml"
        if not path.is_file():
            continue
        try:
            catalogue = load_catalogue([path])
        except EdgebenchError as error:
            yield f"{display_path(path)} cannot be loaded: {error}"
            continue
        for broken in catalogue.broken.values():
            yield f"{display_path(path)} cannot be loaded here: {broken}"
        for claim in catalogue.claims:
            for tier, cases in statement.tiers.items():
                for case_id, stated in cases.items():
                    yield from _other(bundle, claim, tier, case_id, stated)


def _other(bundle: Bundle, claim: Claim, tier_name: str, case_id: str, stated: StatedCase) -> Iterator[str]:
    case = next((each for each in claim.cases if each.id == case_id), None)
    tier = case.tiers.get(tier_name) if case is not None else None
    where = f"{claim.id} at {printable(tier_name)}"
    if case is None or tier is None:
        yield f"{where} has no case {case_id!r} here"
        return
    if not all(arm in tier.arms for arm in stated.arms) or not _same_trials(
        bundle, claim, case_id, tier_name, stated
    ):
        yield f"{where} asks for other trials here, so that its records say nothing of it"
        return
    observed = observations(stated, bundle.trials)
    for key in case.effects:
        before = stated.verdicts.get(key)
        then = "undecided" if before is None else str(before.outcome)
        try:
            verdict = verdict_of(claim, case, tier, key, stated, observed)
            now = "undecided" if verdict is None else str(verdict.outcome)
        except EdgebenchError as error:
            now = f"not to be judged ({error})"
        if now != then:
            yield f"{where}: {item_key(key, case_id)} is {then} in the bundle, and {now} by the claim as it is here"


def _same_trials(bundle: Bundle, claim: Claim, case_id: str, tier_name: str, stated: StatedCase) -> bool:
    case = next(each for each in claim.cases if each.id == case_id)
    longest = max(map(len, stated.arms.values()), default=0)
    pairs = trials_of(claim, case.tiers[tier_name], tuple(stated.arms), range(longest), (), Unread())
    return all(
        is_trial(bundle.trials[stated.arms[arm][trial.seed]], trial)
        for arm, trial in pairs
        if trial.seed < len(stated.arms[arm])
    )


def _versions(bundle: Bundle) -> Iterator[str]:
    if bundle.manifest.edgebench != __version__:
        yield f"EdgeBench {printable(bundle.manifest.edgebench)} wrote it; this is {__version__}"
    other = {str(each.key.get("semantics")) for each in bundle.trials.values()} - {str(SEMANTICS)}
    if other:
        yield f"its trials were computed by semantics {', '.join(sorted(other))}; this version has {SEMANTICS}"
