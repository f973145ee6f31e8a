"""What every model read from YAML is made of: its base, common types and short forms."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """Base of every model read from YAML: immutable, no unknown keys, no coercion, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def named(value: Any) -> Any:
    """`digits` is short for `{name: digits}`."""
    return {"name": value} if isinstance(value, str) else value


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Positive = Annotated[int, Field(gt=0, le=1_000_000_000)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Shape = Annotated[tuple[Positive, ...], BeforeValidator(as_tuple)]
