"""From a claim file to a `Claim`: read, expand, merge, check; every problem of the file reported together."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import cast

from edgebench.claim.claim import DEFAULT_LOOKS, Case, Claim, Effect, Paper, Tier
from edgebench.claim.expression import Expression, parse
from edgebench.claim.matrix import expand
from edgebench.claim.metrics import EXACT_KINDS, METRICS
from edgebench.claim.models import TIERS, ClaimFile, EffectFile, PaperFile, claim_model
from edgebench.claim.nodes import Node, describe, overlay, read_file
from edgebench.claim.problems import ClaimFileError, Mark, Problem
from edgebench.claim.recipes import Recipes
from edgebench.claim.settings import SETTINGS, Kind, Settings
from edgebench.claim.validation import validate
from edgebench.data import source
from edgebench.errors import EdgebenchError, did_you_mean
from edgebench.judge.expectation import parse_expectation
from edgebench.measure import properties
from edgebench.models import registry

_TIER_KEYS = ("looks", "floor", "timeout", "memory", "arms")
_ARM = re.compile(r"[a-z][a-z0-9_]*\Z")
_EFFECT = re.compile(r"[a-z0-9][a-z0-9-]*\Z")


def load_paper(folder: Path) -> Paper:
    """Read `paper.yaml` of a paper's folder.

    Raises:
        ClaimFileError: when it is missing or not valid.
    """
    problems: list[Problem] = []
    node = read_file(folder / "paper.yaml")
    file = validate(PaperFile, node, problems)
    if file is None:
        raise ClaimFileError(problems)
    return Paper(folder.name, folder, file)


def load_claim(path: Path, recipes: Recipes | None = None) -> Claim:
    """Load one claim file; `recipes` may be shared by the claims of a root.

    Raises:
        ClaimFileError: with every problem found in the file and in the recipes it uses.
    """
    recipes = recipes or Recipes(path.parent.parent)
    return _Loading(path, recipes).claim()


class _Loading:
    """The state of loading one claim file: its problems so far."""

    def __init__(self, path: Path, recipes: Recipes) -> None:
        self.path = path
        self.recipes = recipes
        self.problems: list[Problem] = []

    def claim(self) -> Claim:
        if not path_resolves_inside(self.path, self.recipes.root):
            mark = Mark(str(self.path), 1, 1)
            raise ClaimFileError([Problem(mark, f"leads outside the claims root ({self.path.resolve()})")])
        node = read_file(self.path)
        kind = self._kind(node)
        cases: list[Case] = []
        first: ClaimFile | None = None
        for case_id, case_node in expand(node, self.problems):
            file = validate(claim_model(kind), case_node, self.problems)
            if file is not None:
                first = first or file
                cases.append(self._case(case_id, case_node, file, kind))
        if self.problems or first is None:
            raise ClaimFileError(self.problems)
        return Claim(
            id=f"{self.path.parent.name}/{self.path.stem}",
            path=self.path,
            statement=first.claim,
            where=first.where,
            tags=tuple(first.tags),
            note=first.note,
            kind=kind,
            reference=first.reference or next(iter(next(iter(cases[0].tiers.values())).arms)),
            cases=tuple(cases),
        )

    def _kind(self, node: Node) -> Kind:
        kind = node.get("kind")
        if kind is None:
            return "train"
        if kind.value not in SETTINGS:
            hint = did_you_mean(kind.value, SETTINGS) if isinstance(kind.value, str) else None
            message = f"'kind' is {describe(kind.value)}; expected one of {', '.join(SETTINGS)}"
            raise ClaimFileError([Problem(kind.mark, message, hint)])
        return cast(Kind, kind.value)

    def _case(self, case_id: str, node: Node, file: ClaimFile, kind: Kind) -> Case:
        arms = cast(Node, node.get("arms"))
        for arm in arms.value:
            if not _ARM.match(arm) or keyword.iskeyword(arm):
                expected = "lower-case letters, digits and '_', not a Python keyword"
                self._report(arms.keys[arm], f"'{arm}' cannot be an arm's name; expected {expected}")
        if file.reference is not None and file.reference not in arms.value:
            mark = node.locate(("reference",))
            self._report(
                mark, f"no arm is called '{file.reference}'", did_you_mean(file.reference, arms.value)
            )
        tiers = {
            name: tier for name in self._tier_names(node, kind) if (tier := self._tier(name, node, kind))
        }
        effects = {
            key: effect
            for key in cast(Node, node.get("effects")).value
            if (effect := self._effect(key, node, kind))
        }
        return Case(case_id, tiers, effects)

    def _tier_names(self, node: Node, kind: Kind) -> list[str]:
        tiers = node.get("tiers")
        if tiers is not None and tiers.value:
            return [name for name in TIERS if name in tiers.value]
        if kind in EXACT_KINDS:
            return ["smoke"]  # an exact quantity costs next to nothing: it is checked at the cheapest tier
        self._report(node.mark, f"the key 'tiers' is missing; expected one or more of {', '.join(TIERS)}")
        return []

    def _tier(self, name: str, node: Node, kind: Kind) -> Tier | None:
        tiers = node.get("tiers")
        tier = tiers.get(name) if tiers else None
        mark = tiers.keys[name] if tiers and tier else node.mark
        if tier is not None and not tier.is_mapping:
            if tier.value is not None:
                return None  # already reported by the model
            tier = None
        shared = node.get("settings")
        if (names := node.get("recipe")) is not None:
            shared = overlay(self.recipes.resolve(names, kind, self.path.parent, self.problems), shared)
        if tier is not None:
            shared = overlay(shared, tier.without(*_TIER_KEYS))
        arms: dict[str, Settings] = {}
        for arm, own in cast(Node, node.get("arms")).value.items():
            here = tier.get("arms") if tier else None
            merged = overlay(overlay(shared, own), here.get(arm) if here else None)
            empty = Node({}, mark)
            settings = self._settings(kind, merged if merged and merged.is_mapping else empty, mark)
            if settings is not None:
                arms[arm] = settings
        if tier is not None and (here := tier.get("arms")) is not None:
            for arm in here.value:
                known = cast(Node, node.get("arms")).value
                if arm not in known:
                    self._report(here.keys[arm], f"no arm is called '{arm}'", did_you_mean(arm, known))
        looks = self._looks(tier, kind)
        floor = tier.get("floor") if tier else None
        floors = {} if floor is None else {key: float(each.value) for key, each in floor.value.items()}
        for metric in floors:
            if metric not in METRICS[kind]:
                assert floor is not None
                hint = did_you_mean(metric, METRICS[kind])
                self._report(floor.keys[metric], f"no metric is called '{metric}'", hint)
        limits = {key: each.value for key in ("timeout", "memory") if tier and (each := tier.get(key))}
        return Tier(name, arms, looks, floors, limits.get("timeout"), limits.get("memory"))

    def _looks(self, tier: Node | None, kind: Kind) -> tuple[int, ...]:
        if kind in EXACT_KINDS:
            return (1,)
        node = tier.get("looks") if tier else None
        if node is None:
            return DEFAULT_LOOKS
        looks = tuple(each.value for each in node.value)
        if list(looks) != sorted(set(looks)) or not looks:
            self._report(
                node.mark, f"'looks' is {list(looks)}; expected rising numbers of seeds, such as [5, 10, 20]"
            )
        return looks

    def _settings(self, kind: Kind, merged: Node, tier_mark: Mark) -> Settings | None:
        found: list[Problem] = []
        settings = validate(SETTINGS[kind], merged, found)
        for problem in found:
            # A key missing from the merged settings belongs to no line; the tier is where to add it.
            missing = problem.message.startswith("the key ")
            self.problems.append(Problem(tier_mark, problem.message) if missing else problem)
        if settings is None:
            return None
        for key, check in (("model", registry.check), ("data", _check_data), ("name", _check_property)):
            value = getattr(settings, key, None)
            if value is not None:
                try:
                    check(value)
                except EdgebenchError as error:
                    message = f"{error.found}; expected {error.expected}" if error.expected else error.found
                    self._report(merged.locate((key, "name")), message, error.hint)
        return settings

    def _effect(self, key: str, node: Node, kind: Kind) -> Effect | None:
        effects = cast(Node, node.get("effects"))
        mark, here = effects.keys[key], effects.value[key]
        file = EffectFile.model_validate(here.plain())
        if not _EFFECT.match(key):
            self._report(
                mark, f"'{key}' cannot be an effect's name; expected lower-case letters, digits and hyphens"
            )
        arms = dict.fromkeys(cast(Node, node.get("arms")).value, frozenset(METRICS[kind]))
        value = expect = None
        try:
            value = parse(file.value, arms)
        except EdgebenchError as error:
            self._expression(here.locate(("value",)), error)
        try:
            expect = parse_expectation(file.expect)
        except EdgebenchError as error:
            self._expression(here.locate(("expect",)), error)
        if value is None or expect is None:
            return None
        if expect.relation == "==" and kind not in EXACT_KINDS:
            message = "'==' cannot be expected of a trained quantity; expected '~ x ± y'"
            self._report(here.locate(("expect",)), message)
        if file.margin and expect.relation in ("~", "=="):
            self._report(here.locate(("margin",)), f"a margin has no meaning beside '{expect.relation}'")
        unit = file.unit if file.unit is not None else _unit(value, kind)
        return Effect(key, value, expect, file.margin, file.published, unit, file.note, mark)

    def _expression(self, mark: Mark, error: EdgebenchError) -> None:
        message = f"{error.found}; expected {error.expected}" if error.expected else error.found
        self._report(mark, message, error.hint)

    def _report(self, mark: Mark, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(mark, message, hint))


def _unit(value: Expression, kind: Kind) -> str:
    """The unit where it is plain: sums and differences of one unit; differences of per cent are points."""
    units = {METRICS[kind][metric].unit for _, metric in value.references}
    if len(units) != 1 or "*" in value.source or "/" in value.source or "log" in value.source:
        return ""
    unit = units.pop()
    return "points" if unit == "%" and len(value.references) > 1 else unit


def _check_data(settings: object) -> None:
    source.check(settings.name)  # type: ignore[attr-defined]


def _check_property(name: object) -> None:
    if isinstance(name, str):
        properties.check(name)


def path_resolves_inside(path: Path, root: Path) -> bool:
    """Whether the path, symbolic links followed, lies inside the root."""
    return path.resolve().is_relative_to(root.resolve())
