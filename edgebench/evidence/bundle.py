"""Evidence bundles: a claim with everything that its verdicts rest on, as one file that verifies offline.

A bundle is an archive of the one form that `edgebench.evidence.archive` takes, with these members:

    manifest.json                     format, versions, environment; size and SHA-256 of every member below
    manifest.sha256                   the SHA-256 of manifest.json in hex digits, and a newline
    claims/PAPER/CLAIM.yaml           the claim, byte for byte, with all that it is resolved from:
    claims/PAPER/paper.yaml           its paper,
    claims/[PAPER/]recipes/NAME.yaml  and the recipes that it uses and those that these include
    results/PAPER/CLAIM.json          by tier and case: the trials of each arm, seed by seed, and the verdicts
    trials/HASH.json                  a trial: what its hash is made of, and its record
    baselines/TIER/PAPER/CLAIM.yaml      the baselines, where there are any
    certificates/TIER/PAPER/CLAIM.yaml   the transfer certificates, where there are any

`read_bundle` holds the file to its form and to its digests, and reads the JSON strictly; what the members say of each
other is the business of `edgebench.evidence.verify`. A bundle is not signed: that nothing in it was changed since it
was written does not say who wrote it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from edgebench.errors import EvidenceError
from edgebench.evidence.archive import pack, read, unpack
from edgebench.evidence.canonical import dumps, loads
from edgebench.evidence.forms import FORMAT, Manifest, Member, Statement, StoredTrial

MANIFEST, SEAL = "manifest.json", "manifest.sha256"
MAX_JSON = 4 << 20  # bytes of one member: what is read from it takes many times as much memory
_PLACES = {
    "claims": re.compile(r"claims/([^/]+/)?(recipes/)?[^/]+\.ya?ml"),
    "results": re.compile(r"results/(?P<claim>[^/]+/[^/]+)\.json"),
    "trials": re.compile(r"trials/(?P<hash>[0-9a-f]{32})\.json"),
    "baselines": re.compile(r"baselines/(smoke|short|paper)/[^/]+/[^/]+\.yaml"),
    "certificates": re.compile(r"certificates/(smoke|short|paper)/[^/]+/[^/]+\.yaml"),
}
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read: its form, its digests and its JSON are as they should be.

    Attributes:
        path: the file.
        digest: the SHA-256 of the whole file, by which it can be named elsewhere.
        members: all of them, by name.
        statements: by claim.
        trials: by hash.
    """

    path: Path
    digest: str
    manifest: Manifest
    members: Mapping[str, bytes]
    statements: Mapping[str, Statement]
    trials: Mapping[str, StoredTrial]


def sealed(about: Mapping[str, object], members: Mapping[str, bytes]) -> bytes:
    """The file of a bundle.

    Args:
        about: the manifest's fields but `format` and `members`.
        members: all but the manifest and its digest.

    Raises:
        EvidenceError: a member that has no place in a bundle, or too many or too large ones.
    """
    for name in members:
        _check_place(name, "an evidence bundle")
    listed = {name: Member(bytes=len(each), sha256=_sha256(each)) for name, each in members.items()}
    made = Manifest.model_validate({**about, "format": FORMAT, "members": listed})
    manifest = dumps(made.model_dump(mode="json"))
    return pack({**members, MANIFEST: manifest, SEAL: _seal(manifest)})


def read_bundle(path: Path) -> Bundle:
    """Read a bundle, which may come from anybody.

    Raises:
        EvidenceError: it cannot be read, is damaged, or is not of the documented form.
    """
    content = read(path)
    members = unpack(content, str(path))
    manifest = _manifest(members, path)
    statements: dict[str, Statement] = {}
    trials: dict[str, StoredTrial] = {}
    for name, each in members.items():
        where = f"{path}: {name}"
        if found := _PLACES["results"].fullmatch(name):
            statement = _form(Statement, each, where)
            if statement.claim != found["claim"]:
                raise EvidenceError("states another claim than its name says", where=where)
            statements[statement.claim] = statement
        elif found := _PLACES["trials"].fullmatch(name):
            trials[found["hash"]] = _form(StoredTrial, each, where)
    if not statements:
        raise EvidenceError("states nothing: it has no results/PAPER/CLAIM.json", where=str(path))
    return Bundle(path, _sha256(content), manifest, members, statements, trials)


def _manifest(members: Mapping[str, bytes], path: Path) -> Manifest:
    for needed in (MANIFEST, SEAL):
        if needed not in members:
            raise EvidenceError(f"has no {needed}", where=str(path), hint="is it an evidence bundle?")
    text = members[MANIFEST]
    if members[SEAL] != _seal(text):
        raise _changed(f"{MANIFEST} is not what {SEAL} says", path)
    manifest = _form(Manifest, text, f"{path}: {MANIFEST}")
    if manifest.format != FORMAT:
        raise EvidenceError(
            f"has format {manifest.format}",
            where=str(path),
            expected=f"format {FORMAT}",
            hint=f"EdgeBench {manifest.edgebench[:40]!r} wrote it; read it with that version",
        )
    if missing := sorted(manifest.members.keys() ^ (members.keys() - {MANIFEST, SEAL})):
        raise _changed(f"'{missing[0]}' is listed and not there, or there and not listed", path)
    for name, listed in manifest.members.items():
        _check_place(name, str(path))
        if (len(members[name]), _sha256(members[name])) != (listed.bytes, listed.sha256):
            raise _changed(f"'{name}' is not what the manifest says", path)
    return manifest


def _form(form: type[Form], content: bytes, where: str) -> Form:
    if len(content) > MAX_JSON:
        raise EvidenceError(f"is larger than {MAX_JSON} bytes", where=where)
    try:
        found = form.model_validate(loads(content, where))
        again = dumps(found.model_dump(mode="json"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["msg"].startswith("Recursion error"):
            raise EvidenceError("is nested too deeply", where=where) from None
        place = ".".join(map(str, first["loc"]))[:200]
        raise EvidenceError(f"at {place!r}: {first['msg'][:200]!r}", where=where) from None
    except (ValueError, RecursionError):  # the former where it is written again
        raise EvidenceError("is nested too deeply", where=where) from None
    if again != content:
        raise EvidenceError("is not written as bundles write it", where=where)
    return found


def _check_place(name: str, where: str) -> None:
    if not any(place.fullmatch(name) for place in _PLACES.values()):
        raise EvidenceError(f"'{name[:80]}' has no place in an evidence bundle", where=where)


def _seal(manifest: bytes) -> bytes:
    return f"{_sha256(manifest)}\n".encode("ascii")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _changed(what: str, path: Path) -> EvidenceError:
    return EvidenceError(
        f"the bundle was changed: {what}",
        where=str(path),
        hint="ask for it again; nothing in it can be relied on",
    )
