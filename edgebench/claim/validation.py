"""Turns pydantic's complaints about a node into problems with positions and plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edgebench.claim.models import TAG_PATTERN, known_keys
from edgebench.claim.nodes import Node, describe
from edgebench.claim.problems import Problem
from edgebench.errors import did_you_mean, nearest

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_PROBLEMS = 100

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
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
    "too_short": ("min_length", "at least"),
    "too_long": ("max_length", "at most"),
}
_PATTERNS = {TAG_PATTERN: "lower-case letters, digits and hyphens", r"\S": "some text"}


def validate(
    model: type[ModelT], node: Node, problems: list[Problem], *, partial: bool = False
) -> ModelT | None:
    """Validate a node; on failure append the problems (the first 100) to `problems` and return None.

    With `partial`, missing keys are not reported: they may stand in a part that could not be used.
    """
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        found = error.errors(include_url=False)[:MAX_PROBLEMS]
        meant = {_meant(model, node, each) for each in found if each["type"] == "extra_forbidden"}
        for each in found:
            # A key that stands there misspelt is not called missing as well.
            if each["type"] != "missing" or not (partial or _path(node, each["loc"], True) in meant):
                problems.append(_problem(model, node, each))
        return None


def _meant(model: type[BaseModel], node: Node, details: ErrorDetails) -> tuple[int | str | None, ...]:
    """The path that an unknown key would have if it were spelt as the nearest known one."""
    *above, key = _path(node, details["loc"], False)
    return (*above, nearest(str(key), known_keys(model, tuple(above))))


def _problem(model: type[BaseModel], node: Node, details: ErrorDetails) -> Problem:
    kind, found = details["type"], details["input"]
    path = _path(node, details["loc"], kind == "missing")
    mark = node.locate(path)
    if kind == "extra_forbidden":
        key, siblings = str(path[-1]), known_keys(model, path[:-1])
        message = f"unknown key '{_short(key)}'; expected one of {', '.join(siblings)}"
        return Problem(mark, message, did_you_mean(key, siblings))
    if kind == "missing":
        place = f" in '{_short(str(path[-2]))}'" if len(path) > 1 else ""
        return Problem(mark, f"the key '{path[-1]}' is missing{place}")
    key = _short(next((str(step) for step in reversed(path) if isinstance(step, str)), "file"))
    if kind == "literal_error":
        choices = details["ctx"]["expected"]
        options = [part.strip().strip("'") for part in choices.replace(" or ", ",").split(",")]
        hint = did_you_mean(found, options) if isinstance(found, str) else None
        return Problem(mark, f"'{key}' is {describe(found)}; expected {choices}", hint)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        limit = details["ctx"][name]
        unit = "" if name in ("gt", "ge", "lt", "le") else " entry" if limit == 1 else " entries"
        return Problem(mark, f"'{key}' is {describe(found)}; expected {words} {limit}{unit}")
    if kind == "string_pattern_mismatch":
        words = _PATTERNS.get(details["ctx"]["pattern"], f"a text like {details['ctx']['pattern']}")
        return Problem(mark, f"'{key}' is {describe(found)}; expected {words}")
    if kind == "value_error":
        return Problem(mark, f"'{key}' is {describe(found)}; {details['ctx']['error']}")
    expected = _EXPECTED.get(kind, details["msg"][:1].lower() + details["msg"][1:])
    return Problem(mark, f"'{key}' is {describe(found)}; expected {expected}")


def _short(key: str) -> str:
    return key if len(key) <= 60 else key[:57] + "…"


def _path(node: Node, loc: tuple[int | str, ...], missing: bool) -> tuple[int | str, ...]:
    """pydantic's location without what the file does not have: labels of unions, the `name` of a short form.

    The last step stays when it names what is `missing`.
    """
    path: list[int | str] = []
    current: Any = node
    for index, step in enumerate(loc):
        value: Any = current.value if isinstance(current, Node) else None
        within = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if within or (isinstance(value, dict) and step in value):
            current = value[step]
        elif not missing or index < len(loc) - 1:
            continue
        path.append(step)
    return tuple(path)
