"""Evidence bundles: bytes changed anywhere, and members changed by a forger who makes all digests anew."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from random import Random
from typing import Any

from edgebench.errors import EdgebenchError
from edgebench.evidence.archive import unpack
from edgebench.evidence.bundle import MANIFEST, SEAL, read_bundle, sealed
from edgebench.evidence.canonical import dumps
from edgebench.evidence.verify import verify
from tools.fuzz import atoms, guard, raw


class Bundles:
    """Bundles, read and verified."""

    name = "bundles"

    def __init__(self, folder: Path) -> None:
        from tests.evidence import fixtures  # the one bundle that is made without a training

        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "bundle.zip"
        self.whole = fixtures.content(folder / "made")
        self.members = unpack(self.whole, "bundle")

    def sample(self, random: Random) -> bytes:
        if random.random() < 0.3:
            return raw.mutated(self.whole, [self.whole], random)
        members = dict(self.members)
        for _ in range(random.choice((1, 1, 2))):
            name = random.choice(sorted(set(members) - {MANIFEST, SEAL}))
            members[name] = self._forged(name, members, random)
        about = json.loads(self.members[MANIFEST])
        rest = {name: each for name, each in members.items() if name not in (MANIFEST, SEAL)}
        return sealed({key: about[key] for key in ("edgebench", "commit", "dirty", "environment")}, rest)

    def _forged(self, name: str, members: dict[str, bytes], random: Random) -> bytes:
        if name.endswith(".json") and random.random() < 0.8:
            with contextlib.suppress(ValueError):  # a text that no JSON holds
                content: Any = json.loads(members[name])
                place = random.choice(list(_containers(content)))
                if isinstance(place, dict) and place:
                    place[random.choice(list(place))] = _hostile(random)
                elif isinstance(place, list):
                    place.insert(random.randrange(len(place) + 1), _hostile(random))
                return dumps(content)
        return raw.mutated(members[name], list(members.values()), random)

    def feed(self, data: bytes) -> bool:
        self.path.write_bytes(data)
        try:
            with guard.watched():
                found = verify(read_bundle(self.path))
        except EdgebenchError as error:
            guard.said(error)
            return False
        guard.shown("\n".join(found.problems))
        return not found.problems


def _containers(content: Any) -> Any:
    if isinstance(content, dict | list):
        yield content
        for each in content.values() if isinstance(content, dict) else content:
            yield from _containers(each)


def _hostile(random: Random) -> Any:
    return random.choice((
        None, True, [], {}, [[]], {"a": 1}, 0, -1, 1e308, 5e-324, 10**20, 2**64, "0" * 32, "0" * 64, "reproduced", "ok",
        atoms.text(random), [atoms.text(random)], {atoms.text(random): 1}, [1e308] * 3, [0.0] * 30, 1.5,
    ))  # fmt: skip
