"""`matrix:` expands a claim over lists: every combination of its axes' entries is a case of its own.

An axis is either a list of values for one setting, named by its path (`model.width: [0.25, 0.5]`), or a mapping from
case names to whatever that case lays over the claim (`conv: {arms: …, effects: …}`).
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass

from edgebench.claim.claim import Place
from edgebench.claim.models import known_keys, partial
from edgebench.claim.nodes import Node, describe, overlay
from edgebench.claim.problems import Mark, Problem
from edgebench.claim.settings import SETTINGS, Kind
from edgebench.errors import did_you_mean

MAX_CASES = 500
MAX_LABEL = 200  # characters of a value of an axis
CASE_KEYS = ("arms", "effects", "recipe", "settings", "tiers")
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True)
class Entry:
    """One entry of an axis.

    Attributes:
        label: the value as written, or the case's name.
        case: what it is called in a case's id: `width=0.5`, or the case's name.
        mark: where it stands.
        node: what it lays over the claim.
    """

    label: str
    case: str
    mark: Mark
    node: Node


@dataclass(frozen=True)
class Expanded:
    """One case of a claim.

    Attributes:
        id: empty where there is no matrix.
        node: the claim without matrix, the case laid over it, marked with the place of its entry.
        place: its entry on each axis.
    """

    id: str
    node: Node
    place: tuple[Place, ...] = ()


def expand(claim: Node, kind: Kind, problems: list[Problem]) -> list[Expanded]:
    """The cases of a claim, a single one when it has no matrix; none with problems in the matrix."""
    matrix = claim.get("matrix")
    if matrix is None:
        return [Expanded("", claim)]
    found: list[Problem] = []
    axes: list[list[Entry]] = []
    if matrix.is_mapping and matrix.value:
        axes = [_axis(name, matrix, kind, found) for name in matrix.value]
    else:
        message = f"'matrix' is {describe(matrix.value)}; expected axes with their entries"
        found.append(Problem(claim.keys["matrix"], message))
    if not found and (count := math.prod(map(len, axes))) > MAX_CASES:
        message = f"the matrix has {count} cases; expected at most {MAX_CASES}"
        found.append(Problem(claim.keys["matrix"], message))
    if found:
        problems.extend(found)
        return []
    bare = claim.without("matrix")
    cases: dict[str, Expanded] = {}
    for numbered in itertools.product(*map(enumerate, axes)):
        node, combination = bare, [entry for _, entry in numbered]
        for entry in combination:
            node = overlay(node, entry.node) or bare
        mark = combination[-1].mark
        case = ",".join(entry.case for entry in combination)
        if case in cases:
            problems.append(Problem(mark, f"there are two cases '{case}'"))
        place = tuple(
            Place(axis, index, entry.label)
            for axis, (index, entry) in zip(matrix.value, numbered, strict=True)
        )
        cases[case] = Expanded(case, Node(node.value, mark, node.keys), place)
    return list(cases.values())


def _axis(name: str, matrix: Node, kind: Kind, problems: list[Problem]) -> list[Entry]:
    axis, mark = matrix.value[name], matrix.keys[name]
    if isinstance(axis.value, dict) and axis.value:
        for case, node in axis.value.items():
            _check_case(case, axis.keys[case], node, problems)
        return [Entry(case, case, axis.keys[case], node) for case, node in axis.value.items()]
    if isinstance(axis.value, list) and axis.value:
        if (problem := _path_problem(name, mark, kind)) is not None:
            problems.append(problem)
            return []
        return _values(name, axis, problems)
    found = describe(axis.value) if not isinstance(axis.value, list | dict) else "empty"
    problems.append(Problem(mark, f"'{name}' is {found}; expected a list of values or named cases"))
    return []


def _check_case(case: str, mark: Mark, node: Node, problems: list[Problem]) -> None:
    if not _CASE.match(case):
        message = f"'{case}' is not a case name; expected letters, digits, '.', '_' and '-'"
        problems.append(Problem(mark, message))
    if not node.is_mapping:
        found = describe(node.value)
        problems.append(Problem(mark, f"case '{case}' is {found}; expected keys to lay over the claim"))
        return
    for key, place in node.keys.items():
        if key == "matrix":
            problems.append(Problem(place, "a matrix inside a matrix; expected another axis"))
        elif key not in CASE_KEYS:
            message = f"a case cannot set '{key}'; expected one of {', '.join(CASE_KEYS)}"
            problems.append(Problem(place, message, did_you_mean(key, CASE_KEYS)))


def _path_problem(name: str, mark: Mark, kind: Kind) -> Problem | None:
    """What is wrong with the path of a setting, said once and not for each of its values."""
    steps = name.split(".")
    for index, step in enumerate(steps):
        known = known_keys(partial(SETTINGS[kind]), tuple(steps[:index]))
        if step not in known:
            expected = f"one of {', '.join(known)}" if known else f"'{'.'.join(steps[:index])}' alone"
            message = f"'{name}' is not the path of a setting: found '{step}'; expected {expected}"
            return Problem(mark, message, did_you_mean(step, known))
    return None


def _values(name: str, axis: Node, problems: list[Problem]) -> list[Entry]:
    entries: dict[str, Entry] = {}
    for node in axis.value:
        if isinstance(node.value, dict | list) or node.value is None:
            message = f"an entry of '{name}' is {describe(node.value)}; expected a value"
            problems.append(Problem(node.mark, message))
            continue
        text = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
        if len(text) > MAX_LABEL or not text.isprintable():
            # It becomes part of test ids and of rows of tables.
            expected = f"at most {MAX_LABEL} printable characters"
            message = f"an entry of '{name}' is {describe(node.value)}; expected {expected}"
            problems.append(Problem(node.mark, message))
            continue
        case = f"{name.split('.')[-1]}={text}"
        if case in entries:
            problems.append(Problem(node.mark, f"'{name}' lists {describe(node.value)} twice"))
        entries[case] = Entry(text, case, node.mark, _at_path(name, node))
    return list(entries.values())


def _at_path(path: str, node: Node) -> Node:
    mark = node.mark
    for key in reversed(["settings", *path.split(".")]):
        node = Node({key: node}, mark, {key: mark})
    return node
