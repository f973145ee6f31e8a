"""From a claim file to a `Claim`: read, expand, merge, check; every problem of the file reported together."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgebench.claim.claim import Case, Claim, Effect, Paper, Tier
from edgebench.claim.expression import Expression, parse
from edgebench.claim.latency import check_ratio
from edgebench.claim.matrix import expand
from edgebench.claim.metrics import EXACT_KINDS, METHOD_METRICS, METRICS
from edgebench.claim.models import EffectFile, PaperFile, claim_model
from edgebench.claim.nodes import Node, describe, read_file
from edgebench.claim.problems import ClaimFileError, Mark, Problem, gather
from edgebench.claim.quantity import check_directions, unit_of
from edgebench.claim.recipes import Recipes, lies_inside
from edgebench.claim.settings import SETTINGS, Kind, TrainSettings
from edgebench.claim.tiers import entries, resolve_tiers
from edgebench.claim.validation import validate
from edgebench.errors import EdgebenchError, did_you_mean
from edgebench.judge.expectation import Expectation, parse_expectation

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_ARM = re.compile(r"[a-z][a-z0-9_]*\Z")
_EFFECT = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
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
        whole, groups = self.problems, []
        loaded: list[tuple[Any, Case]] = []
        for case_id, case_node in expanded:
            self.problems = []
            loaded.append(self._case(case_id, case_node, kind))
            groups.append((case_node.mark, self.problems))
        self.problems = whole + gather(groups, node.mark)
        cases = tuple(case for _, case in loaded)
        if not self.problems:
            file = loaded[0][0]
            reference = file.reference or next(iter(entries(expanded[0][1], "arms")))
            self._floors_have_reference(expanded, cases, reference)
            self._cases_differ(expanded, cases)
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
        )

    def _file_name(self) -> None:
        start = Mark(str(self.path), 1, 1)
        for name in (self.path.parent.name, self.path.stem):
            if not _FILE.match(name):
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

    def _case(self, case_id: str, node: Node, kind: Kind) -> tuple[Any, Case]:
        """One case, as far as it can be loaded; it is of use only when there are no problems."""
        file: Any = validate(claim_model(kind), node, self.problems)
        # An unknown key may be a misspelling of one that would otherwise be called missing.
        complete = not any(each.message.startswith("unknown key") for each in self.problems)
        self._names(node)

        def resolve(names: Node | None, problems: list[Problem]) -> Node | None:
            return None if names is None else self.recipes.resolve(names, kind, self.path.parent, problems)

        tiers = resolve_tiers(node, kind, resolve, self.problems, complete=complete)
        effects = {
            key: effect
            for key, here in entries(node, "effects").items()
            if (effect := self._effect(key, here, node, kind, file))
        }
        for key, effect in effects.items():
            self._measured(effect, tiers, entries(node, "effects")[key].keys["value"])
        return file, Case(case_id, tiers, effects)

    def _measured(self, effect: Effect, tiers: Mapping[str, Tier], mark: Mark) -> None:
        """Report an effect that reads what the training of one of its arms does not measure."""
        for arm, metric in effect.value.references:
            for tier in tiers.values() if metric in METHOD_METRICS else ():
                settings = tier.arms.get(arm)
                if isinstance(settings, TrainSettings) and settings.method is None:
                    needs = f"'{metric}' is measured where a 'method' trains"
                    message = f"{needs}; the arm '{arm}' has none at tier {tier.name}"
                    self._report(mark, message, "give it one, such as 'method: ft-all'")
                    return

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

    def _effect(self, key: str, here: Node, node: Node, kind: Kind, claim: Any) -> Effect | None:
        mark = node.value["effects"].keys[key]
        if not _EFFECT.match(key):
            expected = "lower-case letters, digits and hyphens"
            self._report(mark, f"'{key}' cannot be an effect's name; expected {expected}")
        if not here.is_mapping:
            return None
        arms = dict.fromkeys(entries(node, "arms"), frozenset(METRICS[kind]))
        value = self._value(here, arms, kind) if arms else None
        expect = self._expect(here, kind)
        file: EffectFile | None = claim.effects[key] if claim is not None else validate(EffectFile, here, [])
        if file is None or value is None or expect is None:
            return None
        if file.margin and expect.relation in ("~", "=="):
            self._report(here.keys["margin"], f"a margin has no meaning beside '{expect.relation}'")
        unit = file.unit if file.unit is not None else unit_of(value, kind)
        return Effect(key, value, expect, file.margin, file.published, unit, file.note, mark)

    def _value(self, effect: Node, arms: Mapping[str, frozenset[str]], kind: Kind) -> Expression | None:
        text = effect.get("value")
        if text is None or not isinstance(text.value, str) or not text.value:
            return None
        try:
            value = parse(text.value, arms)
            if kind == "latency":
                check_ratio(value)
            check_directions(value, kind)
            return value
        except EdgebenchError as error:
            self._report_error(effect.keys["value"], error)
            return None

    def _expect(self, effect: Node, kind: Kind) -> Expectation | None:
        text = effect.get("expect")
        if text is None or not isinstance(text.value, str) or not text.value:
            return None
        try:
            expect = parse_expectation(text.value)
        except EdgebenchError as error:
            self._report_error(effect.keys["expect"], error)
            return None
        if expect.relation == "==" and kind not in EXACT_KINDS:
            what = "trained" if kind == "train" else "timed"
            message = f"'==' cannot be expected of a {what} quantity; expected '~ x ± y'"
            self._report(effect.keys["expect"], message)
        return expect

    def _floors_have_reference(
        self, expanded: list[tuple[str, Node]], cases: tuple[Case, ...], reference: str
    ) -> None:
        """With a floor every case needs the reference arm, which the claim's first case may have named."""
        for (case_id, node), case in zip(expanded, cases, strict=True):
            missing = reference not in entries(node, "arms")
            if missing and any(tier.floor for tier in case.tiers.values()):
                message = f"case '{case_id}' has no arm '{reference}', which the floor is about"
                self._report(node.mark, message, "give the claim a 'reference' that all cases have")

    def _cases_differ(self, expanded: list[tuple[str, Node]], cases: tuple[Case, ...]) -> None:
        """Equal cases come from an axis that sets what an arm or a tier, which are nearer, sets as well."""
        seen: dict[object, str] = {}
        for (case_id, node), case in zip(expanded, cases, strict=True):
            trials = [(name, tuple(tier.arms.items())) for name, tier in case.tiers.items()]
            effects = [
                (each.key, each.value.source, each.expect, each.published) for each in case.effects.values()
            ]
            first = seen.setdefault((tuple(trials), tuple(effects)), case_id)
            if first != case_id:
                message = f"the cases '{first}' and '{case_id}' do not differ"
                self._report(node.mark, message, "keys of arms and tiers win over an axis")

    def _report_error(self, mark: Mark, error: EdgebenchError) -> None:
        message = f"{error.found}; expected {error.expected}" if error.expected else error.found
        self._report(mark, message, error.hint)

    def _report(self, mark: Mark, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(mark, message, hint))


def _stay_inside(path: Path, root: Path) -> None:
    if not lies_inside(path, root):
        raise ClaimFileError(
            [Problem(Mark(str(path), 1, 1), f"leads outside the claims root ({os.path.realpath(path)})")]
        )
