"""`trends:` how an effect changes along a setting, over all cases of a claim's matrix.

A trend is, for each seed, the least-squares slope of the effect's values in all cases against the setting, or against
its logarithm to base 2; over the seeds it is then judged like any effect, by its mean and a paired Student-t interval.
The setting must vary along a single axis of the matrix. The matrix is a full product, so that every value of the
setting then meets the same entries of the other axes: the slope over all cases is the mean of the slopes within them,
and no difference between these entries can pass for a trend.

Trends are effects of a case of their own, with an empty id and the arms of all the others, called `arm[case]`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence

from edgebench.claim.claim import Case, Effect, Tier, item_key
from edgebench.claim.configured import PREFIX, setting_names, setting_value
from edgebench.claim.effects import check_name, read_expectation
from edgebench.claim.expression import Expression
from edgebench.claim.latency import unlike_arms
from edgebench.claim.matrix import Expanded
from edgebench.claim.models import TrendFile
from edgebench.claim.nodes import Node
from edgebench.claim.problems import Mark, Problem
from edgebench.claim.settings import Kind, Settings
from edgebench.claim.tiers import entries
from edgebench.errors import did_you_mean


def check_trends(claim: Node, kind: Kind, expanded: Sequence[Expanded], problems: list[Problem]) -> None:
    """Report what is wrong with the trends of a claim by themselves; `expanded` is empty with a broken matrix."""
    trends = entries(claim, "trends")
    if trends and claim.get("matrix") is None:
        message = "'trends' are taken over the cases of a 'matrix', which the claim does not have"
        problems.append(Problem(claim.keys["trends"], message))
    paths = {name.removeprefix(PREFIX) for name in setting_names(kind)}
    for key, here in trends.items():
        mark = claim.value["trends"].keys[key]
        check_name(key, mark, problems)
        if not here.is_mapping:
            continue
        read_expectation(here, kind, problems)
        along = here.get("along")
        if along is not None and isinstance(along.value, str) and along.value not in paths:
            message = f"'along' is '{along.value}'; expected the path of a setting that is a number"
            problems.append(Problem(here.keys["along"], message, did_you_mean(along.value, paths)))
        if expanded:
            _check_effect(key, mark, here, expanded, problems)


def _check_effect(
    key: str, mark: Mark, here: Node, expanded: Sequence[Expanded], problems: list[Problem]
) -> None:
    """Report a trend called like an effect, or of an effect that not every case has."""
    effects = {case.id: entries(case.node, "effects") for case in expanded}
    known = dict.fromkeys(name for each in effects.values() for name in each)
    if key in known:
        problems.append(Problem(mark, f"there is an effect '{key}' already; expected another name"))
    named = here.get("effect")
    if named is None or not isinstance(named.value, str) or not named.value:
        return
    lacking = [case for case, each in effects.items() if named.value not in each]
    if named.value not in known:
        message = f"no effect is called '{named.value}'; expected one of {', '.join(known)}"
        problems.append(Problem(here.keys["effect"], message, did_you_mean(named.value, known)))
    elif lacking and lacking != [""]:
        message = f"the case '{lacking[0]}' has no effect '{named.value}'; a trend needs it in every case"
        problems.append(Problem(here.keys["effect"], message))


def trend_case(
    claim: Node,
    trends: Mapping[str, TrendFile],
    cases: Sequence[Case],
    kind: Kind,
    reference: str,
    problems: list[Problem],
) -> Case | None:
    """The case of a claim's trends; None when something is wrong, which is appended to `problems`.

    Args:
        claim: the claim's node, without problems so far.
        trends: as validated.
        cases: all cases of the matrix.
        reference: the claim's reference arm, which has to reach its floor in every case.
    """
    found: list[Problem] = []
    mark = claim.keys["trends"]
    tiers = _tiers(trends, cases, reference, mark, found)
    effects: dict[str, Effect] = {}
    for key, file in trends.items():
        here = claim.value["trends"].value[key]
        sources = {case.id: case.effects[file.effect] for case in cases}
        units = dict.fromkeys(effect.unit for effect in sources.values())
        if len(units) > 1:
            message = f"'{file.effect}' has other units in other cases ({', '.join(map(repr, units))})"
            found.append(Problem(here.keys["effect"], message))
        for name in tiers:
            if (wrong := _unfit(file, cases, name)) is not None:
                found.append(Problem(here.keys["along"], wrong))
                break
        expect = read_expectation(here, kind, found)
        assert expect is not None, "checked before"
        per = "per doubling" if file.scale == "log2" else "per unit"
        effects[key] = Effect(
            key=key,
            value=_slope(file, sources),
            expect=expect,
            margin=file.margin,
            published=file.published,
            unit=file.unit if file.unit is not None else f"{next(iter(units))} {per}".strip(),
            note=file.note,
            mark=claim.value["trends"].keys[key],
        )
    problems += found
    return None if found else Case("", tiers, effects, over=tuple(case.id for case in cases))


def _tiers(
    trends: Mapping[str, TrendFile],
    cases: Sequence[Case],
    reference: str,
    mark: Mark,
    problems: list[Problem],
) -> dict[str, Tier]:
    """The tiers of all cases, each with the arms of all of them; they have to be budgets of the same kind."""
    first = cases[0]
    for case in cases:
        if list(case.tiers) != list(first.tiers):
            told = " and ".join(f"'{each.id}' has {', '.join(each.tiers)}" for each in (first, case))
            message = f"a trend needs the same tiers in every case, but {told}"
            problems.append(Problem(mark, message))
            return {}
    tiers: dict[str, Tier] = {}
    for name, one in first.tiers.items():
        arms: dict[str, Settings] = {}
        floors: dict[str, Mapping[str, float]] = {}
        folds: dict[str, tuple[str, ...]] = {}
        for case in cases:
            tier = case.tiers[name]
            for key in ("looks", "timeout", "memory"):
                if getattr(tier, key) != getattr(one, key):
                    has = f"{getattr(one, key)} in '{first.id}', {getattr(tier, key)} in '{case.id}'"
                    message = f"a trend needs the same '{key}' in every case; at tier {name} it is {has}"
                    problems.append(Problem(mark, message))
            # Only what is needed: all arms of a tier of times are timed together.
            sources = [case.effects[file.effect].value for file in trends.values()]
            read = {arm for source in sources for arm, _ in source.references}
            if tier.floor:
                read.add(reference)
                floors[item_key(reference, case.id)] = tier.floor
            parts = {part for arm in read for part in tier.parts(arm)}
            arms |= {item_key(arm, case.id): each for arm, each in tier.arms.items() if arm in parts}
            for arm in read & tier.folds.keys():
                folds[item_key(arm, case.id)] = tuple(item_key(part, case.id) for part in tier.folds[arm])
        if (unlike := unlike_arms(arms)) is not None:
            problems.append(Problem(mark, unlike))
        tiers[name] = Tier(name, arms, one.looks, {}, one.timeout, one.memory, floors, folds)
    return tiers


def _unfit(trend: TrendFile, cases: Sequence[Case], name: str) -> str | None:
    """Why there is no slope along the setting at a tier, or None when there is one."""
    where = f"at tier {name}"
    values: dict[str, float] = {}
    for case in cases:
        tier = case.tiers[name]
        found = {
            arm: setting_value(settings, f"{PREFIX}{trend.along}")
            for arm in case.effects[trend.effect].arms
            if (settings := tier.settings(arm)) is not None
        }
        for arm, value in found.items():
            if value is None:
                return (
                    f"the arm '{arm}' of case '{case.id}' has no '{trend.along}' {where}; expected a number"
                )
            if value <= 0 and trend.scale == "log2":
                return f"'{trend.along}' is {value:g} in case '{case.id}' {where}; expected 'scale: linear', or more"
        if len(set(found.values())) > 1:
            told = ", ".join(f"'{arm}' {value:g}" for arm, value in found.items() if value is not None)
            return f"'{trend.along}' differs between the arms of case '{case.id}' {where} ({told})"
        values[case.id] = next(value for value in found.values() if value is not None)
    if len(set(values.values())) < 2:
        one = next(iter(values.values()))
        return f"'{trend.along}' is {one:g} in every case {where}; expected at least two values"
    if not any(_follows(axis, cases, values) for axis in range(len(cases[0].place))):
        return f"'{trend.along}' varies along more than one axis {where}; expected one value for each entry of one axis"
    return None


def _follows(axis: int, cases: Sequence[Case], values: Mapping[str, float]) -> bool:
    """Whether the values depend on the entry on one axis alone."""
    seen: dict[int, float] = {}
    return all(seen.setdefault(case.place[axis].entry, values[case.id]) == values[case.id] for case in cases)


def _slope(trend: TrendFile, sources: Mapping[str, Effect]) -> Expression:
    """`slope(x, y, x, y, …)` over the cases, x read from the settings and y the effect, its arms called `arm[case]`."""
    arguments: list[ast.expr] = []
    references: list[tuple[str, str]] = []
    for case, effect in sources.items():
        names = {arm: item_key(arm, case) for arm, _ in effect.value.references}
        arm = names[effect.arms[0]]
        x: ast.expr = ast.Name(arm, ast.Load())
        for step in f"{PREFIX}{trend.along}".split("."):
            x = ast.Attribute(x, step, ast.Load())
        if trend.scale == "log2":
            x = ast.Call(ast.Name("log2", ast.Load()), [x], [])
        y: ast.expr = _Renamed(names).visit(copy.deepcopy(effect.value.tree))
        arguments += [x, y]
        references.append((arm, f"{PREFIX}{trend.along}"))
        references += [(names[arm], name) for arm, name in effect.value.references]
    values = dict.fromkeys(effect.value.source for effect in sources.values())
    value = f" ({next(iter(values))})" if len(values) == 1 else ""
    along = f"per doubling of {trend.along}" if trend.scale == "log2" else f"along {trend.along}"
    tree = ast.Call(ast.Name("slope", ast.Load()), arguments, [])
    return Expression(f"slope of {trend.effect}{value} {along}", tree, tuple(dict.fromkeys(references)))


class _Renamed(ast.NodeTransformer):
    """Gives arms other names; functions and metrics keep theirs."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names[node.id], node.ctx)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], node.keywords)
