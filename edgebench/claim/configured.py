"""The numbers that arms are configured with, as effects name them: `arm.settings.data.train`.

Only settings that are numbers have such a name; what an arm leaves open (`width` of a network without one) has no
value, and a claim that reads it is refused.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from edgebench.claim.settings import SETTINGS, Kind, Settings

PREFIX = "settings."


@cache
def setting_names(kind: Kind) -> frozenset[str]:
    """The names of all numeric settings of a kind of claim, such as `settings.data.train`."""
    return frozenset(_numbers(SETTINGS[kind], PREFIX.rstrip(".")))


def is_setting(name: str) -> bool:
    """Whether what an effect reads is a setting of the arm, and nothing that is measured."""
    return name.startswith(PREFIX)


def setting_value(settings: Settings, name: str) -> float | None:
    """The number that a setting has in an arm, or None where the arm leaves it open.

    Args:
        settings: of the arm, at a tier.
        name: one of `setting_names`.
    """
    value: Any = settings
    for step in name.removeprefix(PREFIX).split("."):
        value = getattr(value, step, None)
    return float(value) if _is_number(value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(annotation: Any, path: str) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            yield from _numbers(info.annotation, f"{path}.{name}")
    elif annotation in (int, float):
        yield path
    elif get_origin(annotation) is Literal:
        if all(map(_is_number, get_args(annotation))):
            yield path
    elif get_origin(annotation) is Annotated:
        yield from _numbers(get_args(annotation)[0], path)
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _numbers(part, path)
