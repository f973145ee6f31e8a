"""Turns pydantic's complaints about a node into problems with positions and plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgebench.claim.models import known_keys
from edgebench.claim.nodes import Node, describe
from edgebench.claim.problems import Problem
from edgebench.errors import did_you_mean

ModelT = TypeVar("ModelT", bound=BaseModel)

_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys and values",
    "tuple_type": "a list",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "finite_number": "a finite number",
    "string_too_short": "some text",
    "string_pattern_mismatch": "lower-case letters, digits and hyphens",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
    "too_short": ("min_length", "at least"),
    "too_long": ("max_length", "at most"),
}


def validate(model: type[ModelT], node: Node, problems: list[Problem]) -> ModelT | None:
    """Validate a node; on failure append every problem to `problems` and return None."""
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        problems.extend(_problem(model, node, details) for details in error.errors())
        return None


def _problem(model: type[BaseModel], node: Node, details: ErrorDetails) -> Problem:
    path = _path(node, details["loc"])
    mark = node.locate(path)
    kind, found = details["type"], details["input"]
    if kind == "extra_forbidden":
        key, siblings = str(path[-1]), known_keys(model, path[:-1])
        return Problem(
            mark, f"unknown key '{key}'; expected one of {', '.join(siblings)}", did_you_mean(key, siblings)
        )
    if kind == "missing":
        place = f" in '{path[-2]}'" if len(path) > 1 else ""
        return Problem(mark, f"the key '{path[-1]}' is missing{place}")
    key = next((str(step) for step in reversed(path) if isinstance(step, str)), "file")
    if kind == "literal_error":
        choices = details["ctx"]["expected"]
        options = [part.strip().strip("'") for part in choices.replace(" or ", ",").split(",")]
        hint = did_you_mean(found, options) if isinstance(found, str) else None
        return Problem(mark, f"'{key}' is {describe(found)}; expected {choices}", hint)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        unit = " entries" if kind in ("too_short", "too_long") else ""
        return Problem(mark, f"'{key}' is {describe(found)}; expected {words} {details['ctx'][name]}{unit}")
    expected = _EXPECTED.get(kind, details["msg"][:1].lower() + details["msg"][1:])
    return Problem(mark, f"'{key}' is {describe(found)}; expected {expected}")


def _path(node: Node, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """pydantic's location without the labels that it adds for unions and validators."""
    path: list[int | str] = []
    current: Any = node
    for index, step in enumerate(loc):
        value: Any = current.value if isinstance(current, Node) else None
        within = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if within or (isinstance(value, dict) and step in value):
            current = value[step]
        elif index < len(loc) - 1:
            continue  # a label, not a key
        path.append(step)
    return tuple(path)
