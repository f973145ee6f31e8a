"""Reads the transfer certificates beside a claims root: `<root>/../certificates/<tier>/<paper>/<claim>.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgebench.claim.claim import Claim, item_key
from edgebench.claim.problems import display_path
from edgebench.errors import CertificateError
from edgebench.judge.baseline import BaselineEffect
from edgebench.judge.certificate import Certificate, CertifiedEffect, load


@dataclass(frozen=True)
class Certified:
    """What is said of a proxy verdict beside it.

    Attributes:
        words: for the label, such as `4x: sign and size agree`; None where the certificate cannot be used.
        said: a sentence with the numbers, or on what is wrong.
    """

    words: str | None
    said: str


class Certificates:
    """Reads certificates, each file once."""

    def __init__(self) -> None:
        self._read: dict[Path, Certificate | CertificateError | None] = {}

    def path(self, claim: Claim, tier: str) -> Path:
        folder = claim.path.absolute().parent.parent.parent / "certificates"
        return folder / tier / claim.paper / f"{claim.path.stem}.yaml"

    def get(self, claim: Claim, tier: str) -> Certificate | None:
        """The certificate of a claim at a tier, or None when there is none.

        Raises:
            CertificateError: when the file is there but cannot be used.
        """
        path = self.path(claim, tier)
        if path not in self._read:
            self._read[path] = _load(path, claim, tier)
        found = self._read[path]
        if isinstance(found, CertificateError):
            raise found
        return found

    def certified(
        self, claim: Claim, tier: str, item: str, baseline: BaselineEffect | None
    ) -> Certified | None:
        """What there is to say of an item, whose baseline is given; None where it was not certified."""
        try:
            certificate = self.get(claim, tier)
        except CertificateError as error:
            return Certified(None, f"the transfer certificate cannot be used: {error}")
        effect = certificate.effects.get(item) if certificate else None
        if certificate is None or effect is None or baseline is None:
            return None
        if not effect.belongs_to(baseline):
            return Certified(
                None, f"the transfer certificate of {certificate.recorded.when} is of an earlier baseline"
            )
        if (untrue := _untrue(claim, item, effect)) is not None:
            return Certified(
                None, f"the transfer certificate of {certificate.recorded.when} cannot be used: {untrue}"
            )
        return Certified(f"{certificate.length}: {effect.words}", _sentence(certificate, effect))


def untrue(claim: Claim, certificate: Certificate) -> list[str]:
    """What of a claim's certificate does not follow from its own seeds and the claim, as sentences."""
    said = ((item, _untrue(claim, item, effect)) for item, effect in certificate.effects.items())
    return [f"{item}: {each}" for item, each in said if each is not None]


def _untrue(claim: Claim, item: str, certified: CertifiedEffect) -> str | None:
    for case in claim.cases:
        for key, effect in case.effects.items():
            if item_key(key, case.id) == item:
                return certified.untrue(effect.expect, effect.margin)
    return "the claim has no such effect"


def _load(path: Path, claim: Claim, tier: str) -> Certificate | CertificateError | None:
    if not path.is_file():
        return None
    try:
        certificate = load(path)
    except CertificateError as error:
        return error
    if (certificate.claim, certificate.tier) != (claim.id, tier):
        return CertificateError(
            f"it is the certificate of {certificate.claim} at {certificate.tier}",
            expected=f"{claim.id} at {tier}",
            where=display_path(path),
        )
    return certificate


def _sentence(certificate: Certificate, effect: CertifiedEffect) -> str:
    how = (
        "at tier paper"
        if isinstance(certificate.against, str)
        else f"with schedules {certificate.against} times as long"
    )
    low, high = effect.longer.interval
    return (
        f"{how} it is {effect.longer.value:.4g} [{low:.4g}, {high:.4g}] from {len(effect.longer.seeds)} seeds, "
        f"{effect.longer.verdict}: {effect.words}"
    )
