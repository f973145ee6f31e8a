"""From a claim file to a `Claim`: read, expand, merge, check; every problem of the file reported together."""

from __future__ import annotations

import keyword
import os
import re
from pathlib import Path
from typing import Any

from edgebench.claim.claim import Case, Claim, Paper
from edgebench.claim.effects import lacking_metric, read_effects
from edgebench.claim.matrix import Expanded, expand
from edgebench.claim.models import PaperFile, claim_model
from edgebench.claim.nodes import Node, describe, read_file
from edgebench.claim.problems import ClaimFileError, Mark, Problem, gather
from edgebench.claim.recipes import Recipes, lies_inside
from edgebench.claim.settings import SETTINGS, Kind
from edgebench.claim.tiers import entries, resolve_tiers
from edgebench.claim.trend import check_trends, trend_case
from edgebench.claim.validation import validate
from edgebench.errors import did_you_mean

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_ARM = re.compile(r"[a-z][a-z0-9_]*\Z")
# Tags become pytest markers; these would change what pytest does with a claim.
_RESERVED_TAGS = ("filterwarnings", "parametrize", "skip", "skipif", "usefixtures", "xfail")


def load_paper(folder: Path) -> Paper:
    """Read `paper.yaml` of a paper's folder.

    Raises:
        ClaimFileError: when it is missing or not valid.
    """
    path = folder / "paper.yaml"
    _stay_inside(path, folder.parent)
    problems: list[Problem] = []
    node = read_file(path, problems)
    file = validate(PaperFile, node, problems)
    if file is None or problems:
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
        _stay_inside(self.path, self.recipes.root)
        self._file_name()
        node = read_file(self.path, self.problems)
        kind = self._kind(node)
        expanded = expand(node, kind, self.problems)
        if not expanded:
            validate(claim_model(kind), node.without("matrix"), self.problems, partial=True)
        check_trends(node, kind, expanded, self.problems)
        whole, groups = self.problems, []
        loaded: list[tuple[Any, Case]] = []
        for each in expanded:
            self.problems = []
            loaded.append(self._case(each, kind))
            groups.append((each.node.mark, self.problems))
        self.problems = whole + gather(groups, node.mark)
        cases = tuple(case for _, case in loaded)
        if not self.problems:
            file = loaded[0][0]
            reference = file.reference or next(iter(entries(expanded[0].node, "arms")))
            self._floors_have_reference(expanded, cases, reference)
            self._cases_differ(expanded, cases)
        if not self.problems and file.trends:
            trends = trend_case(node, file.trends, cases, kind, reference, self.problems)
            cases = (*cases, trends) if trends is not None else cases
        if self.problems:
            raise ClaimFileError(self.problems)
        return Claim(
            id=f"{self.path.parent.name}/{self.path.stem}",
            path=self.path,
            statement=file.claim,
            where=file.where,
            tags=tuple(file.tags),
            note=file.note,
            kind=kind,
            reference=reference,
            cases=cases,
            lint=dict(file.lint),
        )

    def _file_name(self) -> None:
        start = Mark(str(self.path), 1, 1)
        for name in (self.path.parent.name, self.path.stem):
            if not FILE_NAME.match(name):
                message = (
                    f"'{name}' cannot be part of a claim's id; expected letters, digits, '.', '_' and '-'"
                )
                self._report(start, message, "rename the file or folder")
        twin = self.path.with_suffix(".yml" if self.path.suffix == ".yaml" else ".yaml")
        if twin.exists():
            self._report(start, f"{twin.name} beside it has the same id", "rename one of the two")

    def _kind(self, node: Node) -> Kind:
        kind = node.get("kind")
        if kind is None:
            return "train"
        if not isinstance(kind.value, str) or kind.value not in SETTINGS:
            hint = did_you_mean(kind.value, SETTINGS) if isinstance(kind.value, str) else None
            message = f"'kind' is {describe(kind.value)}; expected one of {', '.join(SETTINGS)}"
            raise ClaimFileError([*self.problems, Problem(node.keys["kind"], message, hint)])
        return kind.value

    def _case(self, expanded: Expanded, kind: Kind) -> tuple[Any, Case]:
        """One case, as far as it can be loaded; it is of use only when there are no problems."""
        node = expanded.node
        file: Any = validate(claim_model(kind), node, self.problems)
        # An unknown key may be a misspelling of one that would otherwise be called missing.
        complete = not any(each.message.startswith("unknown key") for each in self.problems)
        self._names(node)

        def resolve(names: Node | None, problems: list[Problem]) -> Node | None:
            return None if names is None else self.recipes.resolve(names, kind, self.path.parent, problems)

        tiers = resolve_tiers(node, kind, resolve, self.problems, complete=complete)
        effects = read_effects(node, kind, file, tiers, self.problems)
        return file, Case(expanded.id, tiers, effects, expanded.place)

    def _names(self, node: Node) -> None:
        arms = entries(node, "arms")
        for arm in arms:
            if not _ARM.match(arm) or keyword.iskeyword(arm):
                expected = "lower-case letters, digits and '_', not a Python keyword"
                mark = node.value["arms"].keys[arm]
                self._report(mark, f"'{arm}' cannot be an arm's name; expected {expected}")
        reference = node.get("reference")
        if (
            reference is not None
            and isinstance(reference.value, str)
            and arms
            and reference.value not in arms
        ):
            hint = did_you_mean(reference.value, arms)
            self._report(node.keys["reference"], f"no arm is called '{reference.value}'", hint)
        tags = node.get("tags")
        for tag in tags.value if tags is not None and isinstance(tags.value, list) else ():
            if tag.value in _RESERVED_TAGS:
                self._report(
                    tag.mark, f"the tag '{tag.value}' is one of pytest's own markers; choose another"
                )

    def _floors_have_reference(
        self, expanded: list[Expanded], cases: tuple[Case, ...], reference: str
    ) -> None:
        """With a floor every case needs the reference arm, which the first case may have named, and its metrics."""
        for each, case in zip(expanded, cases, strict=True):
            missing = reference not in entries(each.node, "arms")
            if missing and any(tier.floor for tier in case.tiers.values()):
                message = f"case '{case.id}' has no arm '{reference}', which the floor is about"
                self._report(each.node.mark, message, "give the claim a 'reference' that all cases have")
            for tier in case.tiers.values():
                settings = tier.settings(reference)
                for metric in tier.floor:
                    if settings is not None and (why := lacking_metric(tier, settings, reference, metric)):
                        self._report(each.node.mark, *why)

    def _cases_differ(self, expanded: list[Expanded], cases: tuple[Case, ...]) -> None:
        """Equal cases come from an axis that sets what an arm or a tier, which are nearer, sets as well."""
        seen: dict[object, str] = {}
        for each, case in zip(expanded, cases, strict=True):
            trials = [(name, tuple(tier.arms.items())) for name, tier in case.tiers.items()]
            effects = [
                (effect.key, effect.value.source, effect.expect, effect.published)
                for effect in case.effects.values()
            ]
            first = seen.setdefault((tuple(trials), tuple(effects)), case.id)
            if first != case.id:
                message = f"the cases '{first}' and '{case.id}' do not differ"
                self._report(each.node.mark, message, "keys of arms and tiers win over an axis")

    def _report(self, mark: Mark, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(mark, message, hint))


def _stay_inside(path: Path, root: Path) -> None:
    if not lies_inside(path, root):
        raise ClaimFileError(
            [Problem(Mark(str(path), 1, 1), f"leads outside the claims root ({os.path.realpath(path)})")]
        )
