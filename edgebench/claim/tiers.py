"""The tiers of a case: every arm's settings merged from all layers, checked and frozen.

The nearest key wins: recipes, then the claim's settings, the tier's recipes, the tier, the arm, and the tier's own
words on the arm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from edgebench import plugins
from edgebench.claim.claim import DEFAULT_LOOKS, Tier
from edgebench.claim.folds import check_pretraining, in_folds
from edgebench.claim.latency import unlike_arms
from edgebench.claim.metrics import EXACT_KINDS, METRICS
from edgebench.claim.models import TIERS
from edgebench.claim.nodes import Node, overlay
from edgebench.claim.problems import Mark, Problem, gather
from edgebench.claim.settings import (
    SETTINGS,
    DatasetSettings,
    DataSettings,
    DetectSettings,
    DistillSettings,
    Kind,
    LatencySettings,
    ModelSettings,
    Settings,
    StartSettings,
    TrainSettings,
)
from edgebench.claim.validation import validate
from edgebench.data import source
from edgebench.errors import EdgebenchError, did_you_mean
from edgebench.measure import properties
from edgebench.methods import options
from edgebench.models import registry, weights

_TIER_KEYS = ("recipe", "looks", "floor", "timeout", "memory", "arms")
Resolve = Callable[[Node | None, list[Problem]], Node | None]
_CHECKS: dict[str, Callable[[Any], object]] = {
    "model": registry.check,
    # The names of scenes are few, and part of their type.
    "data": lambda data: source.check(data.name) if isinstance(data, DataSettings) else None,
    "name": properties.check,
    "method": options.check,
    "hooks": lambda hooks: plugins.check_method(hooks.name, dict(hooks.options or ())),
    "measure": lambda names: [plugins.entry(plugins.Metric, name) for name in names],
}


def entries(node: Node | None, key: str) -> dict[str, Node]:
    """The entries of the mapping at `key`; none when it is missing or no mapping (which validation reports)."""
    found = node.get(key) if node is not None else None
    return found.value if found is not None and isinstance(found.value, dict) else {}


def resolve_tiers(
    case: Node, kind: Kind, recipes: Resolve, problems: list[Problem], *, complete: bool
) -> dict[str, Tier]:
    """Resolve every tier that a case has; one that cannot be used is left out and its problems appended.

    Args:
        case: the claim's node, a case of the matrix laid over it.
        kind: what a trial of the claim does.
        recipes: merges the recipes that a node names (None: none), and appends what is wrong with them.
        problems: those found so far. Layers were checked one by one, so that what is wrong at a place already
            in here is not said again of the merged settings.
        complete: whether all layers could be read, so that a missing key is missing indeed.
    """
    before = len(problems)
    recipe = recipes(case.get("recipe"), problems)
    complete = complete and len(problems) == before
    shared = case.get("settings")
    shared = overlay(recipe, shared if shared is not None and shared.is_mapping else None)
    known = {each.mark for each in problems}
    tiers: dict[str, Tier] = {}
    groups: list[tuple[Mark, list[Problem]]] = []
    for name in _names(case, kind, problems):
        node = entries(case, "tiers").get(name)
        mark = case.mark if node is None else case.value["tiers"].keys[name]
        if node is not None and not node.is_mapping:
            if node.value is not None:
                continue
            node = None
        found: list[Problem] = []
        own = recipes(node.get("recipe") if node is not None else None, found)
        loading = _Loading(case, kind, mark, found, known, complete and not found)
        tiers[name] = loading.tier(name, node, overlay(shared, own))
        groups.append((mark, found))
    problems.extend(gather(groups, case.keys.get("tiers", case.mark)))
    return tiers


def _names(case: Node, kind: Kind, problems: list[Problem]) -> list[str]:
    if (tiers := case.get("tiers")) is not None and tiers.value:
        return [name for name in TIERS if name in entries(case, "tiers")]
    if kind in EXACT_KINDS:
        return ["smoke"]  # an exact quantity costs next to nothing: it is checked at the cheapest tier
    message = f"the key 'tiers' is missing; expected one or more of {', '.join(TIERS)}"
    problems.append(Problem(case.keys.get("tiers", case.mark), message))
    return []


class _Loading:
    """The state of resolving one tier: its problems so far."""

    def __init__(
        self,
        case: Node,
        kind: Kind,
        mark: Mark,
        problems: list[Problem],
        known: set[Mark],
        complete: bool,
    ) -> None:
        self.case = case
        self.kind = kind
        self.mark = mark
        self.problems = problems
        self.known = known
        self.complete = complete

    def tier(self, name: str, node: Node | None, shared: Node | None) -> Tier:
        if node is not None:
            shared = overlay(shared, node.without(*_TIER_KEYS))
        arms, own = entries(self.case, "arms"), entries(node, "arms")
        resolved: dict[str, Settings] = {}
        for arm, layer in arms.items():
            merged = overlay(overlay(shared, layer), own.get(arm))
            if merged is not None and merged.is_mapping:
                # What no layer gives belongs to no line; the tier is where to add it.
                settings = self._settings(Node(merged.value, self.mark, merged.keys))
                if settings is not None:
                    resolved[arm] = settings
        for arm in own:
            if arm not in arms and node is not None:
                mark = node.value["arms"].keys[arm]
                self._report(mark, f"no arm is called '{arm}'", did_you_mean(arm, arms))
        if (unlike := unlike_arms(resolved)) is not None:
            self._report(self.mark, unlike)
        timeout, memory = (_number(node, key) for key in ("timeout", "memory"))
        trained, folds = in_folds(resolved)
        return Tier(name, trained, self._looks(node), self._floor(node), timeout, memory, folds=folds)

    def _looks(self, tier: Node | None) -> tuple[int, ...]:
        node = tier.get("looks") if tier is not None else None
        if tier is not None and node is not None and self.kind in EXACT_KINDS:
            self._report(tier.keys["looks"], "exact quantities have no seeds to look at; leave 'looks' out")
        if self.kind in EXACT_KINDS:
            return (1,)
        if tier is None or node is None or not isinstance(node.value, list):
            return DEFAULT_LOOKS
        looks = [each.value for each in node.value]
        if any(type(each) is not int for each in looks):
            return DEFAULT_LOOKS
        if looks != sorted(set(looks)) or not looks:
            message = f"'looks' is {looks}; expected rising numbers of seeds, such as [5, 10, 20]"
            self._report(tier.keys["looks"], message)
        return tuple(looks)

    def _floor(self, tier: Node | None) -> dict[str, float]:
        floor = tier.get("floor") if tier is not None else None
        if tier is None or floor is None or not isinstance(floor.value, dict):
            return {}
        if self.kind in EXACT_KINDS or self.kind == "latency":
            what = "times have" if self.kind == "latency" else "exact quantities need"
            self._report(tier.keys["floor"], f"{what} no floor; leave 'floor' out")
            return {}
        # Where 0 is the worst, more is better, and a least value is a floor.
        scalars = {key: each for key, each in METRICS[self.kind].items() if not key.startswith("curve.")}
        known = [metric for metric, each in scalars.items() if each.worst == 0]
        for metric, mark in floor.keys.items():
            if metric not in known:
                message = f"no metric is called '{metric}'; expected one of {', '.join(known)}"
                if metric in METRICS[self.kind]:
                    what = "not one where more is better" if metric in scalars else "a whole curve"
                    message = f"'{metric}' is {what}; expected one of {', '.join(known)}"
                self._report(mark, message, did_you_mean(metric, known))
        values = {key: _number(floor, key) for key in floor.value}
        return {key: value for key, value in values.items() if value is not None}

    def _settings(self, merged: Node) -> Settings | None:
        found: list[Problem] = []
        settings = validate(SETTINGS[self.kind], merged, found, partial=not self.complete)
        self.problems += [each for each in found if each.mark == self.mark or each.mark not in self.known]
        for key, check in _CHECKS.items():
            value = getattr(settings, key, None) if settings is not None else _part(self.kind, merged, key)
            if value is not None:
                try:
                    check(value)
                except EdgebenchError as error:
                    self._refuse(merged.locate(_concerned(merged, key, error.found)), error)
        if isinstance(settings, TrainSettings | DetectSettings) and settings.start is not None:
            data = settings.data if isinstance(settings.data, DataSettings) else None
            self._check_start(settings.start, settings.model, data, merged)
        if isinstance(settings, TrainSettings):
            self._check_training(settings, merged)
        if isinstance(settings, DatasetSettings) and settings.data.folds:
            message = "'folds' are of trainings; all training images of a dataset are measured"
            self._report(merged.locate(("data", "folds")), message, "leave 'folds' out")
        if isinstance(settings, TrainSettings | LatencySettings):
            try:
                options.check_together(settings, settings.model)
            except EdgebenchError as error:
                first = re.match(r"'(\w+)'", error.found)
                self._refuse(merged.locate((first[1],) if first is not None else ()), error)
        return settings

    def _check_start(
        self, start: StartSettings, model: ModelSettings, data: DataSettings | None, merged: Node
    ) -> None:
        if (named := start.weights) is not None:
            self._check(merged, ("start", "weights"), lambda: weights.check(named, model))
        if (pretrain := start.pretrain) is not None:
            path = ("start", "pretrain")
            self._check(merged, path, lambda: options.check_submodels(pretrain, model))
            trained = options.submodels_of(model) if pretrain.submodels else model
            self._check(merged, path, lambda: options.check_together(pretrain, trained))
            if (own := pretrain.data) is not None:
                self._check(merged, (*path, "data", "name"), lambda: source.check(own.name))
            self._check(merged, (*path, "data"), lambda: check_pretraining(pretrain, data))
            self._check_teacher(pretrain.distill, merged, path)

    def _check_training(self, settings: TrainSettings, merged: Node) -> None:
        if settings.quantise is not None and (method := settings.method) is not None:
            self._check(merged, ("quantise",), lambda: options.check_quantisable(method))
        self._check_teacher(settings.distill, merged)

    def _check_teacher(
        self, distill: DistillSettings | None, merged: Node, path: tuple[str, ...] = ()
    ) -> None:
        if distill is not None:
            path = (*path, "distill", "teacher", "model")
            self._check(merged, path, lambda: registry.check(distill.teacher.model))

    def _check(self, merged: Node, path: tuple[str, ...], check: Callable[[], None]) -> None:
        try:
            check()
        except EdgebenchError as error:
            self._refuse(merged.locate(path), error)

    def _refuse(self, mark: Mark, error: EdgebenchError) -> None:
        message = f"{error.found}; expected {error.expected}" if error.expected else error.found
        self._report(mark, message, error.hint)

    def _report(self, mark: Mark, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(mark, message, hint))


def _part(kind: Kind, merged: Node, key: str) -> Any:
    """One setting by itself, where the whole is not valid; None when it is not valid either."""
    field, node = SETTINGS[kind].model_fields.get(key), merged.get(key)
    if field is None or node is None:
        return None
    value = node.plain()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        try:
            return field.annotation.model_validate({"name": value} if isinstance(value, str) else value)
        except ValidationError:
            return None
    return value if field.annotation is str and isinstance(value, str) else None


def _concerned(merged: Node, key: str, message: str) -> tuple[str, ...]:
    """The path of the option that the message quotes or begins with, else of the name."""
    options = merged.value[key].keys
    for option in options:
        if option != "name" and re.search(rf"option '{option}'|\A{option} ", message):
            return (key, option)
    return (key, "name")


def _number(node: Node | None, key: str) -> float | None:
    value = found.value if node is not None and (found := node.get(key)) is not None else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
