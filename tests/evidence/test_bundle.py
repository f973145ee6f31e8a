"""Reading a bundle: every byte of it counts, and what is not of its form is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebench.errors import EvidenceError
from edgebench.evidence.archive import pack, unpack
from edgebench.evidence.bundle import MANIFEST, SEAL, read_bundle, sealed
from edgebench.evidence.canonical import dumps, loads
from tests.evidence import fixtures

_FLAT = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text()
VALUES = st.recursive(
    _FLAT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fixtures.content(tmp_path_factory.mktemp("bundle"))


def said(folder: Path, content: bytes) -> str:
    """The one error that reading a file of this content ends with."""
    path = folder / "bundle.zip"
    path.write_bytes(content)
    with pytest.raises(EvidenceError) as found:
        read_bundle(path)
    assert "\n" not in str(found.value)
    return str(found.value)


def test_what_it_holds(bundle: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(bundle)
    found = read_bundle(tmp_path / "b.zip")
    assert sorted({name.partition("/")[0] for name in found.members}) == [
        "baselines", "claims", MANIFEST, SEAL, "results", "trials",
    ]  # fmt: skip
    assert {name for name in found.members if name.startswith("claims")} == {
        "claims/demo/paper.yaml", "claims/demo/recipes/rates.yaml", "claims/demo/trained.yaml",
    }  # fmt: skip
    stated = found.statements["demo/trained"].tiers["smoke"][""]
    assert [len(hashes) for hashes in stated.arms.values()] == [3, 3]
    assert stated.verdicts["gain"].outcome == "reproduced"
    assert stated.verdicts["gain"].values == pytest.approx((3.0, 3.01))
    assert stated.open == ("loss",)
    trial = found.trials[stated.arms["plain"][1]]
    assert trial.record is not None
    assert (trial.record.metrics["top1"], trial.record.correct) == (53.01, "0f")
    assert trial.key["seed"] == 1


def test_two_of_the_same_are_equal(bundle: bytes, tmp_path: Path) -> None:
    assert fixtures.content(tmp_path) == bundle


def test_every_byte_counts(bundle: bytes, tmp_path: Path) -> None:
    """Each byte of the file is changed in one bit, which differs from byte to byte."""
    path, undetected = tmp_path / "b.zip", []
    for at in range(len(bundle)):
        content = bytearray(bundle)
        content[at] ^= 1 << (at % 8)
        try:
            unpack(bytes(content), "x")  # what reading begins with
            path.write_bytes(content)
            read_bundle(path)
        except EvidenceError:
            continue
        undetected.append(at)
    assert undetected == []


def test_cut_or_with_something_after_it(bundle: bytes, tmp_path: Path) -> None:
    for content in (
        b"",
        bundle[:1000],
        bundle[:-1],
        bundle + b"\0",
        bundle + bundle,
        b"PK\x05\x06" + bytes(18),
    ):
        said(tmp_path, content)


def test_a_digest_within_is_covered_too(bundle: bytes, tmp_path: Path) -> None:
    members = unpack(bundle, "x")
    other = pack({**members, SEAL: b"0" * 64 + b"\n"})
    assert "manifest.json is not what manifest.sha256 says" in said(tmp_path, other)
    claim = pack({**members, "claims/demo/trained.yaml": members["claims/demo/trained.yaml"] + b"\n"})
    assert "'claims/demo/trained.yaml' is not what the manifest says" in said(tmp_path, claim)
    more = pack({**members, "claims/demo/other.yaml": b""})
    assert "'claims/demo/other.yaml' is listed and not there, or there and not listed" in said(tmp_path, more)
    for name in (MANIFEST, SEAL):
        assert f"has no {name}" in said(
            tmp_path, pack({key: each for key, each in members.items() if key != name})
        )


def test_members_without_a_place(bundle: bytes) -> None:
    for name in ("claims/demo/x.py", "x.pkl", "baselines/demo/x.yaml", "trials/x.json", "claims/a/b/c.yaml"):
        with pytest.raises(EvidenceError, match="has no place in an evidence bundle"):
            sealed({}, {name: b""})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a": NaN}', "not a finite number"),
        (b'{"a": -Infinity}', "not a finite number"),
        (b'{"a": 1e999}', "not a finite number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5000 digits"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b"[" * 100_000, "nested too deeply|no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"", "no JSON"),
        (b"\x80\x04\x95", "no JSON"),  # the beginning of a pickle
    ],
)
def test_json_that_no_bundle_holds(text: bytes, expected: str) -> None:
    with pytest.raises(EvidenceError, match=expected):
        loads(text, "x")


@given(VALUES)
@settings(max_examples=100)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert dumps(loads(dumps(value), "x")) == dumps(value)


def test_forms_that_do_not_fit(bundle: bytes, tmp_path: Path) -> None:
    def refused(name: str, **change: Any) -> str:
        return said(tmp_path, fixtures.changed(bundle, name, lambda value: value.update(change)))

    trial = next(name for name in unpack(bundle, "x") if name.startswith("trials/"))
    assert "Extra inputs are not permitted" in refused(trial, further=1)
    assert "valid dictionary" in refused(trial, key=[])
    results = "results/demo/trained.json"
    assert "states another claim than its name says" in refused(results, claim="demo/other")
    assert "valid dictionary" in refused(results, tiers=None)
    deep = fixtures.changed(bundle, trial, lambda value: value["key"].update(x=nested(300)))
    assert "nested too deeply" in said(tmp_path, deep)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_json_written_otherwise(bundle: bytes, tmp_path: Path) -> None:
    members = unpack(bundle, "x")
    members["results/demo/trained.json"] = json.dumps(
        json.loads(members["results/demo/trained.json"])
    ).encode()
    assert "is not written as bundles write it" in said(tmp_path, fixtures.resealed(members))


def test_another_format(bundle: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgebench.evidence.bundle.FORMAT", 2)
    assert "has format 1; expected format 2" in said(tmp_path, bundle)


def test_nothing_stated(bundle: bytes, tmp_path: Path) -> None:
    members = unpack(bundle, "x")
    kept = {name: each for name, each in members.items() if not name.startswith("results/")}
    assert "states nothing" in said(tmp_path, fixtures.resealed(kept))
