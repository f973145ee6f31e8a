"""Results as they come from a store, which may be damaged or somebody else's: each field what its type says."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from edgebench.report.result import Result

_STRICT = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


class _Since(BaseModel):
    """The first accepted baseline, as far as it is shown."""

    model_config = _STRICT
    when: str


class _Expected(BaseModel):
    """The row of a baseline, as far as it is shown (`Result.expected`)."""

    model_config = _STRICT
    verdict: str
    subtype: str | None
    value: float
    interval: list[float] | None
    seeds: list[float]
    tolerance: float
    first: _Since | None = None


# What is looked up in tables by its name.
_NAMED: dict[str, Any] = {
    "verdict": Literal["reproduced", "contradicted", "inconclusive", "invalid", "failed", "pending"],
    "baseline": Literal[
        "matches", "compatible", "noisy", "flipped", "drifted", "none", "unreadable", "not compared"
    ],
    "expected": _Expected | None,
}


def stored_result(content: dict[str, Any]) -> Result:
    """A result as `Result.to_json` gave it, by this version or another.

    Raises:
        TypeError: it is none.
    """
    found = Result.from_json(content)
    try:
        _form().model_validate({each.name: getattr(found, each.name) for each in fields(Result)})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise TypeError(f"'{place[:100]}': {first['msg'][:200]}") from None
    return found


@cache
def _form() -> type[BaseModel]:
    types: dict[str, Any] = get_type_hints(Result) | _NAMED
    required: dict[str, Any] = {name: (of, ...) for name, of in types.items()}
    return create_model("StoredResult", __config__=_STRICT, **required)
