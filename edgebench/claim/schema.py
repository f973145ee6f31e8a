"""The JSON schema of claim files, generated from the models that also load them."""

from __future__ import annotations

from typing import Any, Union

from pydantic import TypeAdapter

from edgebench.claim.metrics import METRICS
from edgebench.claim.models import claim_model
from edgebench.claim.settings import SETTINGS
from edgebench.data import source
from edgebench.measure import properties
from edgebench.models import registry

_MATRIX = {
    "description": "axes to expand over: lists of one setting's values by its path, or named cases",
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [
            {"type": "array", "minItems": 1},
            {"type": "object", "additionalProperties": {"type": "object"}},
        ]
    },
}


def claim_schema() -> dict[str, Any]:
    """A draft 2020-12 schema: one alternative per kind of claim, names completed from the registries."""
    alternatives: Any = Union[tuple(claim_model(kind) for kind in SETTINGS)]  # noqa: UP007 (built at run time)
    adapter: TypeAdapter[Any] = TypeAdapter(alternatives)
    schema = adapter.json_schema(ref_template="#/$defs/{model}")
    for name, definition in schema["$defs"].items():
        if name.endswith("Claim"):
            properties_of = definition["properties"]
            properties_of["matrix"] = _MATRIX
            # What a matrix case supplies may be missing from the claim itself.
            definition["required"] = [key for key in definition["required"] if key not in ("arms", "effects")]
    _suggest(schema, "PartialModelSettings", registry.names())
    _suggest(schema, "PartialDataSettings", source.names())
    _suggest(schema, "PartialPropertySettings", properties.names())
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "EdgeBench claim"
    schema["$comment"] = "metrics: " + "; ".join(
        f"{kind}: {', '.join(table)}" for kind, table in METRICS.items()
    )
    return schema


def _suggest(schema: dict[str, Any], definition: str, names: Any) -> None:
    """Offer known names for completion without forbidding others (`npz:PATH`, `timm:…`)."""
    name = schema["$defs"][definition]["properties"]["name"]
    name["examples"] = sorted(names)
