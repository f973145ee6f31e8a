"""Certificates are shown beside the proxy verdicts that they are of, and the committed ones are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.claim.catalogue import load_catalogue
from edgebench.claim.claim import Claim
from edgebench.errors import CertificateError
from edgebench.judge.baseline import BaselineEffect
from edgebench.judge.certificate import Certificate, CertifiedEffect, Side, dump, load
from edgebench.judge.verdict import Outcome
from edgebench.report.certificates import Certificates, untrue
from edgebench.report.result import Baselines
from tests import roots

ROOT = Path(__file__).parents[2]
SHORT = Side(verdict=Outcome.reproduced, value=4.0, interval=(3.0, 5.0), seeds=(3.93, 4.07))
LONGER = Side(verdict=Outcome.contradicted, value=-2.0, interval=(-3.0, -1.0), seeds=(-2.07, -1.93))
BASELINE = BaselineEffect(
    verdict=Outcome.reproduced, value=4.0, interval=(3.0, 5.0), seeds=(3.93, 4.07), tolerance=1.0
)


def certificate(**given: object) -> Certificate:
    effects = {"gain": {"sign": "disagrees", "size": "disagrees", "short": SHORT, "longer": LONGER}}
    return Certificate.model_validate({
        "claim": "demo/claim", "tier": "short", "against": 4,
        "recorded": {"by": "A. Nobody", "when": "2026-01-02", "why": "to see"}, "effects": effects,
    } | given)  # fmt: skip


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return roots.load(tmp_path / "claims", roots.TRAINED)


def write(claim: Claim, text: str) -> Path:
    path = Certificates().path(claim, "short")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_file_is_read_as_it_was_written(claim: Claim) -> None:
    path = write(claim, dump(certificate()))
    assert load(path) == certificate()
    assert "    sign: disagrees\n" in path.read_text()


@pytest.mark.parametrize(
    ("sign", "size", "words"),
    [
        ("agrees", "agrees", "sign and size agree"),
        ("agrees", "undecided", "the sign agrees"),
        ("agrees", "disagrees", "the sign agrees, the size does not"),
        ("disagrees", "agrees", "the sign turns"),
        ("undecided", "agrees", "the size agrees"),
        ("undecided", "disagrees", "the size does not agree"),
        ("undecided", "undecided", "undecided"),
    ],
)
def test_agreement_in_words(sign: str, size: str, words: str) -> None:
    given = {"sign": sign, "size": size, "short": SHORT, "longer": LONGER}
    assert CertifiedEffect.model_validate(given).words == words


def test_what_is_said_beside_a_verdict(claim: Claim) -> None:
    write(claim, dump(certificate()))
    found = Certificates().certified(claim, "short", "gain", BASELINE)
    assert found is not None
    assert found.words == "4x: the sign turns"
    assert found.said == (
        "with schedules 4 times as long it is -2 [-3, -1] from 2 seeds, contradicted: the sign turns"
    )
    assert Certificates().certified(claim, "short", "loss", BASELINE) is None
    assert Certificates().certified(claim, "smoke", "gain", BASELINE) is None


def test_a_baseline_recorded_anew_is_not_certified(claim: Claim) -> None:
    write(claim, dump(certificate()))
    later = BASELINE.model_copy(update={"seeds": (3.4, 4.6)})
    found = Certificates().certified(claim, "short", "gain", later)
    assert found is not None
    assert found.words is None
    assert "is of an earlier baseline" in found.said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "sign: disagrees",
            "sign: agrees",
            "by its seeds and the claim, the sign disagrees and the size disagrees",
        ),
        ("size: disagrees", "size: undecided", "it says that the sign disagrees and the size is undecided"),
        ("value: -2", "value: -1.5", "'longer': its value is -1.5, and the mean of its seeds -2"),
        ("[-3, -1]", "[-2.2, -1.8]", "'longer': its interval is [-2.2, -1.8], and that of its seeds [-2.88"),
        ("[-2.07, -1.93]", "[-4.07, 0.07]", "'longer': its interval"),
    ],
)
def test_what_does_not_follow_from_its_seeds_is_not_shown(
    claim: Claim, old: str, new: str, words: str
) -> None:
    text = dump(certificate())
    assert text.count(old) == 1
    write(claim, text.replace(old, new))
    found = Certificates().certified(claim, "short", "gain", BASELINE)
    assert found is not None
    assert found.words is None
    assert "cannot be used" in found.said
    assert words in found.said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("claim: [", "cannot be used"),
        (dump(certificate()).replace("against: 4", "against: 1"), "at least 2"),
        (dump(certificate(claim="demo/other")), "it is the certificate of demo/other at short"),
    ],
)
def test_a_file_that_is_none_is_said_and_nothing_else(claim: Claim, text: str, words: str) -> None:
    write(claim, text)
    found = Certificates().certified(claim, "short", "gain", BASELINE)
    assert found is not None
    assert found.words is None
    assert words in found.said
    with pytest.raises(CertificateError):
        Certificates().get(claim, "short")


def test_what_cannot_be_certified() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        certificate(against=1)
    with pytest.raises(ValueError, match="no proxies"):
        certificate(tier="paper")
    with pytest.raises(ValueError, match="outside its interval"):
        Side(verdict=Outcome.reproduced, value=9.0, interval=(3.0, 5.0), seeds=(8.0, 10.0))


def test_committed_certificates_are_true() -> None:
    """Agreement is stored for a reader: it must be what the stored numbers give, of the baselines that are there."""
    catalogue = load_catalogue([ROOT / "claims"])
    certificates, baselines, certified = Certificates(), Baselines(), set()
    for claim in catalogue.claims:
        found = certificates.get(claim, "short")
        if found is None:
            continue
        baseline = baselines.get(claim, "short")
        assert baseline is not None
        for item, each in found.effects.items():
            assert each.belongs_to(baseline.effects[item]), f"{claim.id}::{item} is of an earlier baseline"
        assert untrue(claim, found) == []
        if found.against == "paper":
            paper = baselines.get(claim, "paper")
            assert paper is not None
            assert all(each.longer.seeds == paper.effects[item].seeds for item, each in found.effects.items())
        certified.add(claim.id)
    files = {
        path.relative_to(ROOT / "certificates" / "short") for path in ROOT.glob("certificates/*/*/*.yaml")
    }
    assert {str(path.with_suffix("")) for path in files} == certified, "each file is of a claim"
    assert len(certified) >= 6
