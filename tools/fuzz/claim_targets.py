"""Claim files, and the languages within them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

from edgebench.claim import metrics
from edgebench.claim.bounds import bounds, settled
from edgebench.claim.configured import setting_names
from edgebench.claim.excerpt import pointed
from edgebench.claim.expression import parse
from edgebench.claim.latency import check_ratio
from edgebench.claim.loader import load_claim, load_paper
from edgebench.claim.models import PaperFile, claim_model, known_keys, recipe_model
from edgebench.claim.problems import ClaimFileError
from edgebench.claim.quantity import check_directions, unit_of
from edgebench.claim.recipes import Recipes as Resolver
from edgebench.claim.settings import SETTINGS
from edgebench.errors import EdgebenchError, ExpressionError
from edgebench.judge import baseline_file
from edgebench.judge.baseline import Baseline
from edgebench.judge.expectation import parse_expectation
from edgebench.judge.lint import lint
from edgebench.report.describe import describe_claim
from edgebench.run.trial import Trial
from tools.fuzz import expressions, guard
from tools.fuzz.documents import Documents

TOP = Path(__file__).parent.parent.parent
_PAPER = "title: A paper\nauthors: [A. Author]\nyear: 2024\nlink: https://example.org\n"


def _files(*patterns: str) -> list[str]:
    return [
        path.read_text("utf-8") for pattern in patterns for path in sorted((TOP / "claims").glob(pattern))
    ]


def _keys() -> set[str]:
    """Every key that stands somewhere in a claim."""
    found: set[str] = set()
    for kind in SETTINGS:
        todo: list[tuple[str, ...]] = [()]
        while todo:
            path = todo.pop()
            inner = known_keys(claim_model(kind), path)
            found.update(inner)
            todo += [(*path, key) for key in inner if len(path) < 4]
    return found


def _root(folder: Path) -> Path:
    """A claims root with a paper `fuzz`; the recipes of all papers are shared ones here."""
    root = folder / "claims"
    (root / "fuzz" / "recipes").mkdir(parents=True, exist_ok=True)
    (root / "recipes").mkdir(exist_ok=True)
    (root / "fuzz" / "paper.yaml").write_text(_PAPER)
    for path in sorted((TOP / "claims").rglob("recipes/*.yaml")):
        shutil.copy(path, root / "recipes")
    os.environ["EDGEBENCH_CACHE"] = str(folder / "cache")
    os.environ.pop("EDGEBENCH_DATA", None)
    return root


class Claims:
    """Claim files: loaded, and what is loaded is checked further, described and hashed; what is wrong is shown."""

    name = "claims"

    def __init__(self, folder: Path) -> None:
        self.root = _root(folder)
        self.path = self.root / "fuzz" / "c.yaml"
        seeds = [text for text in _files("*/*.yaml") if "\neffects:" in text or "\nmatrix:" in text]
        self.documents = Documents(seeds, sorted(_keys()))
        self.recipes = Resolver(self.root)

    def sample(self, random: Random) -> bytes:
        return self.documents.sample(random)

    def feed(self, data: bytes) -> bool:
        self.path.write_bytes(data)
        return self._read(self.recipes)

    def _read(self, recipes: Resolver) -> bool:
        try:
            with guard.watched():
                claim = load_claim(self.path, recipes)
                warnings = lint(claim, lambda claim, tier: None)
                hashes = [
                    Trial(claim.kind, settings, 0, None).hash
                    for case in claim.cases
                    for tier in case.tiers.values()
                    for settings in list(tier.arms.values())[:4]
                ]
                text = describe_claim(claim)
        except ClaimFileError as error:
            guard.shown(pointed(error))
            return False
        guard.shown("\n".join([text, *hashes, *map(str, warnings)]))
        return True


class Recipes(Claims):
    """Recipes, read through a claim that starts from one."""

    name = "recipes"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        keys = {key for kind in SETTINGS for key in known_keys(recipe_model(kind), ())}
        self.documents = Documents(_files("recipes/*.yaml", "*/recipes/*.yaml"), sorted(keys | _keys()))
        self.path.write_text(
            "claim: x\nwhere: Table 1\nrecipe: hostile\narms: {a: {}, b: {batch: 7}}\n"
            "tiers: {smoke: {data: digits, epochs: 2}}\n"
            "effects: {e: {value: a.top1 - b.top1, expect: '> 0', margin: 0.3}}\n"
        )

    def feed(self, data: bytes) -> bool:
        (self.root / "fuzz" / "recipes" / "hostile.yaml").write_bytes(data)
        return self._read(Resolver(self.root))


class Papers:
    """The `paper.yaml` of a folder."""

    name = "papers"

    def __init__(self, folder: Path) -> None:
        self.paper = _root(folder) / "fuzz"
        self.documents = Documents(_files("*/paper.yaml"), sorted(PaperFile.model_fields))

    def sample(self, random: Random) -> bytes:
        return self.documents.sample(random)

    def feed(self, data: bytes) -> bool:
        (self.paper / "paper.yaml").write_bytes(data)
        try:
            with guard.watched():
                paper = load_paper(self.paper)
        except ClaimFileError as error:
            guard.shown(pointed(error))
            return False
        guard.shown(" ".join([paper.file.title, *paper.file.authors, paper.file.link]))
        return True


class Baselines:
    """Baselines: loaded, written again, and renewed as a new recording would."""

    name = "baselines"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "baseline.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        stored = sorted((TOP / "baselines").rglob("*.yaml"))
        texts = [path.read_text("utf-8") for path in stored[:: max(1, len(stored) // 40)]]
        keys = [
            *known_keys(Baseline, ()),
            *known_keys(Baseline, ("effects", "x")),
            *known_keys(Baseline, ("recorded",)),
        ]
        self.documents = Documents(texts, keys)

    def sample(self, random: Random) -> bytes:
        return self.documents.sample(random)

    def feed(self, data: bytes) -> bool:
        self.path.write_bytes(data)
        try:
            baseline = baseline_file.load(self.path)
            again = baseline_file.dump(baseline)
            self.path.write_text(again, "utf-8")
            assert baseline_file.load(self.path) == baseline, "written and read, it is another"
            baseline_file.renew(data.decode("utf-8-sig"), baseline, list(baseline.effects)[:1])
        except EdgebenchError as error:
            guard.said(error)
            return False
        return True


class Expressions:
    """Effect expressions: parsed for every kind of claim, computed with drawn values, and bounded."""

    name = "expressions"

    def __init__(self, folder: Path) -> None:
        self.readable = {
            kind: frozenset(metrics.METRICS[kind]) | setting_names(kind)
            for kind in ("train", "profile", "latency")
        }

    def sample(self, random: Random) -> bytes:
        return expressions.expression(random).encode("utf-8", "surrogatepass")

    def feed(self, data: bytes) -> bool:
        text = data.decode("utf-8", "surrogateescape")
        accepted = False
        for kind, readable in self.readable.items():
            try:
                with guard.watched():
                    self._use(text, kind, readable)
                accepted = True
            except ExpressionError as error:
                guard.said(error)
        return accepted

    @staticmethod
    def _use(text: str, kind: Any, readable: frozenset[str]) -> None:
        value = parse(text, dict.fromkeys(expressions.ARMS, readable))
        check_directions(value, kind)
        unit_of(value, kind)
        found = bounds(value, kind)
        settled(found, ">", 0.0, 0.0)
        if kind == "latency":
            check_ratio(value)
        draw = Random(text)
        for scale in (1.0, 0.0, 1e300, -1e-300):
            try:
                value.evaluate(
                    lambda arm, name, scale=scale: (  # type: ignore[misc]
                        tuple(draw.uniform(-1, 1) * scale for _ in range(4))
                        if name.startswith(("curve.", "folds."))
                        else draw.uniform(-1, 1) * scale
                    )
                )
            except ExpressionError as error:
                guard.said(error)


class Expectations:
    """Expectations, which must read back as they are written."""

    name = "expectations"

    def __init__(self, folder: Path) -> None:
        pass

    def sample(self, random: Random) -> bytes:
        return expressions.expectation(random).encode("utf-8", "surrogatepass")

    def feed(self, data: bytes) -> bool:
        try:
            with guard.watched():
                found = parse_expectation(data.decode("utf-8", "surrogateescape"))
                assert parse_expectation(str(found)) == found, "written and read, it is another"
        except ExpressionError as error:
            guard.said(error)
            return False
        return True
