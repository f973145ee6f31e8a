"""What every model read from YAML is made of: its base, common types and short forms."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """Base of every model read from YAML: immutable, no unknown keys, no coercion, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def named(value: Any) -> Any:
    """`digits` is short for `{name: digits}`."""
    return {"name": value} if isinstance(value, str) else value


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def rising(factors: Sequence[float]) -> bool:
    """Whether they are 1, then larger and larger finite numbers."""
    return bool(factors) and factors[0] == 1 and all(a < b < float("inf") for a, b in pairwise(factors))


def _rising(factors: tuple[float, ...]) -> tuple[float, ...]:
    if not rising(factors):
        raise ValueError("expected 1, then larger and larger factors, as in [1, 1.8, 2.6]")
    return factors


Positive = Annotated[int, Field(gt=0, le=1_000_000_000)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Shape = Annotated[tuple[Positive, ...], BeforeValidator(as_tuple)]
Factors = Annotated[tuple[float, ...], BeforeValidator(as_tuple), AfterValidator(_rising)]
