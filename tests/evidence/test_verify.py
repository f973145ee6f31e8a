"""What a bundle states has to follow from what it holds: forgeries with proper digests are found out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import EvidenceError
from edgebench.evidence.archive import unpack
from edgebench.evidence.bundle import read_bundle
from edgebench.evidence.here import differences
from edgebench.evidence.verify import Verification, verify
from edgebench.run.hashing import hash_of
from tests.evidence import fixtures

RESULTS = "results/demo/trained.json"
CLAIM = "claims/demo/trained.yaml"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fixtures.content(tmp_path_factory.mktemp("bundle"))


def verified(folder: Path, content: bytes) -> Verification:
    path = folder / "bundle.zip"
    path.write_bytes(content)
    return verify(read_bundle(path))


def problem(folder: Path, content: bytes) -> str:
    (found,) = verified(folder, content).problems
    return found


def of_case(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda value: change(value["tiers"]["smoke"][""])


def first_trial(bundle: bytes, arm: str = "plain", seed: int = 0) -> str:
    stated = json.loads(unpack(bundle, "x")[RESULTS])["tiers"]["smoke"][""]["arms"][arm]
    return f"trials/{stated[seed]}.json"


def test_what_was_exported_verifies(bundle: bytes, tmp_path: Path) -> None:
    found = verified(tmp_path, bundle)
    assert found.problems == ()
    assert found.trials == 6
    assert [(each.item, each.stated and str(each.stated.outcome)) for each in found.items] == [
        ("gain", "reproduced"),
        ("loss", None),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda case: case["verdicts"]["gain"].update(value=3.2), r"'gain' is reproduced.*\(other: value\)"),
        (
            lambda case: case["verdicts"]["gain"].update(outcome="contradicted", subtype="reversed"),
            "is contradicted; its records say reproduced",
        ),
        (lambda case: case["verdicts"]["gain"].update(reason="trust me"), r"other: reason"),
        (lambda case: case["verdicts"]["gain"].update(values=[3.0, 3.0]), r"other: values"),
        (lambda case: case["verdicts"].pop("gain"), "does not state each effect"),
        (lambda case: case["open"].append("gain"), "does not state each effect"),
        (lambda case: (case["verdicts"].pop("gain"), case["open"].append("gain")), "'gain' is undecided"),
        (lambda case: case["arms"].pop("slow"), "'gain' is reproduced, which its records do not say"),
        (lambda case: case["arms"]["plain"].reverse(), "is not that of 'plain' at seed 0"),
        (lambda case: case["arms"].update(plain=case["arms"]["slow"]), "is not that of 'plain' at seed 0"),
        (lambda case: case["arms"].update(other=[]), "trials that the claim does not ask for, of 'other'"),
        (
            lambda case: case["arms"]["slow"].extend(case["arms"]["slow"]),
            "trials that the claim does not ask for",
        ),
        (lambda case: case["arms"]["slow"].__setitem__(0, "0" * 32), "the trial 0{32} is not there"),
    ],
)
def test_results_that_do_not_follow(
    bundle: bytes, tmp_path: Path, change: Callable[[Any], Any], expected: str
) -> None:
    forged = fixtures.changed(bundle, RESULTS, of_case(change))
    assert any(re.search(expected, each) for each in verified(tmp_path, forged).problems), expected


def test_records_that_were_changed(bundle: bytes, tmp_path: Path) -> None:
    trial = first_trial(bundle)
    better = fixtures.changed(bundle, trial, lambda value: value["record"]["metrics"].update(top1=99.0))
    assert "'gain' is reproduced, which its records do not say" in problem(tmp_path, better)
    diverged = fixtures.changed(bundle, trial, lambda value: value["record"].update(status="diverged"))
    assert "its records" in problem(tmp_path, diverged)
    huge = fixtures.changed(bundle, trial, lambda value: value["record"]["metrics"].update(top1=1.7e308))
    assert problem(tmp_path, huge)
    without = fixtures.changed(bundle, trial, lambda value: value.update(record=None))
    assert "has no record" in problem(tmp_path, without)


def test_trials_of_other_settings(bundle: bytes, tmp_path: Path) -> None:
    trial = first_trial(bundle)
    other = fixtures.changed(bundle, trial, lambda value: value["key"]["settings"].update(epochs=300))
    said = verified(tmp_path, other).problems
    assert f"the trial {trial[7:-5]} has a key that hashes to something else" in said
    # With its hash made anew everywhere, it is still no trial that the claim asks for.
    members = unpack(other, "x")
    text = members.pop(trial)
    name = hash_of(json.loads(text)["key"])
    members[f"trials/{name}.json"] = text
    members[RESULTS] = members[RESULTS].replace(trial[7:-5].encode(), name.encode())
    assert "is not that of 'plain' at seed 0" in verified(tmp_path, fixtures.resealed(members)).problems[0]


def test_sets_of_one_name_with_different_content(bundle: bytes, tmp_path: Path) -> None:
    other = fixtures.changed(bundle, first_trial(bundle), lambda value: value["key"].update(data="f" * 64))
    assert "its trials are of 2 different sets that are called 'digits'" in verified(tmp_path, other).problems


def test_claims_and_trials_that_nothing_is_said_of(bundle: bytes, tmp_path: Path) -> None:
    members = unpack(bundle, "x")
    more = fixtures.resealed({**members, "claims/demo/again.yaml": members[CLAIM]})
    assert problem(tmp_path, more) == "it has the claim demo/again, and no results of it"
    one_less = fixtures.changed(
        bundle, RESULTS, of_case(lambda case: [case["arms"][arm].pop() for arm in case["arms"]])
    )
    assert "2 of its trials are used by nothing" in problem(tmp_path, one_less)
    moved = {name.replace("trained", "other"): each for name, each in members.items()}
    moved[RESULTS.replace("trained", "other")] = members[RESULTS].replace(b"demo/trained", b"demo/none")
    with pytest.raises(EvidenceError, match="states another claim"):
        verified(tmp_path, fixtures.resealed(moved))


def test_a_claim_that_was_changed(bundle: bytes, tmp_path: Path) -> None:
    def edited(old: bytes, new: bytes) -> bytes:
        return fixtures.changed(bundle, CLAIM, lambda text: text.replace(old, new))

    assert "records say contradicted" in problem(tmp_path, edited(b"margin: 0.5", b"margin: 5"))
    assert "other cases, or no such tier" in verified(tmp_path, edited(b"smoke", b"short")).problems[0]
    with pytest.raises(EvidenceError, match=r"cannot be loaded: claims/demo/trained.yaml:1:1"):
        verified(tmp_path, edited(b"claim:", b"clam:"))
    with pytest.raises(EvidenceError, match="cannot be loaded"):
        verified(tmp_path, fixtures.changed(bundle, CLAIM, lambda text: b"\x80\x04\x95 a pickle"))


def test_in_another_checkout(bundle: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle)
    found = read_bundle(path)
    same = fixtures.root(tmp_path / "same")
    assert differences(found, same) == []
    other = fixtures.root(tmp_path / "other", fixtures.TRAINED.replace("margin: 0.5", "margin: 5"))
    (file, verdict) = differences(found, other)
    assert "trained.yaml is another here" in file
    assert "-  gain: {value: plain.top1 - slow.top1" in file
    assert verdict == (
        "demo/trained at smoke: gain is reproduced in the bundle, and contradicted by the claim as it is here"
    )
    longer = fixtures.root(tmp_path / "longer")
    (longer / "demo" / "recipes" / "rates.yaml").write_text(fixtures.RECIPE.replace("epochs: 3", "epochs: 4"))
    assert differences(found, longer)[-1].startswith("demo/trained at smoke asks for other trials here")
    empty = tmp_path / "empty" / "claims"
    assert len(differences(found, empty)) == 4, "three files of the claim, and its baseline"


def test_another_machine(bundle: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle)
    found, root = read_bundle(path), fixtures.root(tmp_path / "same")
    monkeypatch.setattr(
        "edgebench.run.environment.identity", lambda device="cpu": {"torch": "9.9", "threads": 1}
    )
    said = differences(found, root)
    assert any(each.startswith("its trials ran with torch ") and each.endswith("; here 9.9") for each in said)
    assert verify(found).problems == ()
