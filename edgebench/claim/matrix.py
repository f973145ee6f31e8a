"""`matrix:` expands a claim over lists: every combination of its axes' entries is a case of its own.

An axis is either a list of values for one setting, named by its path (`model.width: [0.25, 0.5]`), or a mapping from
case names to whatever that case lays over the claim (`conv: {arms: …, effects: …}`).
"""

from __future__ import annotations

import itertools
import re

from edgebench.claim.nodes import Node, describe, overlay
from edgebench.claim.problems import Problem

MAX_CASES = 500
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_PATH = re.compile(r"[a-z_]+(\.[a-z_]+)*\Z")


def expand(claim: Node, problems: list[Problem]) -> list[tuple[str, Node]]:
    """The cases of a claim as (id, claim without matrix); one with an empty id when it has no matrix."""
    matrix = claim.get("matrix")
    if matrix is None:
        return [("", claim)]
    bare = claim.without("matrix")
    if not matrix.is_mapping or not matrix.value:
        problems.append(
            Problem(matrix.mark, f"'matrix' is {describe(matrix.value)}; expected axes with their entries")
        )
        return []
    before = len(problems)
    axes = [_axis(name, matrix, problems) for name in matrix.value]
    if len(problems) > before:
        return []
    count = 1
    for axis in axes:
        count *= len(axis)
    if count > MAX_CASES:
        problems.append(Problem(matrix.mark, f"the matrix has {count} cases; expected at most {MAX_CASES}"))
        return []
    cases = []
    for combination in itertools.product(*axes):
        node = bare
        for _, top in combination:
            node = overlay(node, top) or bare
        cases.append((",".join(case for case, _ in combination), node))
    return cases


def _axis(name: str, matrix: Node, problems: list[Problem]) -> list[tuple[str, Node]]:
    axis = matrix.value[name]
    if isinstance(axis.value, dict) and axis.value:
        for case, node in axis.value.items():
            if not _CASE.match(case):
                problems.append(
                    Problem(
                        axis.keys[case],
                        f"'{case}' is not a case name; expected letters, digits, '.', '_' and '-'",
                    )
                )
            if not node.is_mapping:
                found = describe(node.value)
                problems.append(
                    Problem(axis.keys[case], f"case '{case}' is {found}; expected keys to lay over the claim")
                )
            elif "matrix" in node.value:
                problems.append(
                    Problem(node.keys["matrix"], "a matrix inside a matrix; expected another axis")
                )
        return list(axis.value.items())
    if isinstance(axis.value, list) and axis.value:
        if not _PATH.match(name):
            problems.append(
                Problem(
                    matrix.keys[name],
                    f"'{name}' is not the path of a setting; expected such as 'model.width'",
                )
            )
            return []
        cases = []
        for node in axis.value:
            if isinstance(node.value, dict | list) or node.value is None:
                problems.append(
                    Problem(node.mark, f"an entry of '{name}' is {describe(node.value)}; expected a value")
                )
            else:
                cases.append((f"{name.split('.')[-1]}={node.value}", _at_path(name, node)))
        if len({case for case, _ in cases}) < len(cases):
            problems.append(Problem(axis.mark, f"'{name}' lists a value twice"))
        return cases
    problems.append(
        Problem(
            matrix.keys[name], f"'{name}' is {describe(axis.value)}; expected a list of values or named cases"
        )
    )
    return []


def _at_path(path: str, node: Node) -> Node:
    for key in reversed(["settings", *path.split(".")]):
        node = Node({key: node}, node.mark, {key: node.mark})
    return node
