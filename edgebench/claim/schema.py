"""The JSON schemas of claim, recipe and paper files, generated from the models that also load them."""

from __future__ import annotations

from typing import Any, Union

from pydantic import TypeAdapter

from edgebench.claim.editor import Form
from edgebench.claim.matrix import CASE_KEYS
from edgebench.claim.metrics import EXACT_KINDS, METRICS
from edgebench.claim.models import EffectFile, PaperFile, claim_model, partial, recipe_model
from edgebench.claim.settings import SETTINGS
from edgebench.data import source
from edgebench.measure import properties
from edgebench.models import registry

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def file_schema(form: Form) -> dict[str, Any]:
    """The schema of one form of file."""
    return {"claim": claim_schema, "recipe": recipe_schema, "paper": paper_schema}[form]()


def paper_schema() -> dict[str, Any]:
    """A draft 2020-12 schema of `paper.yaml`."""
    return {**PaperFile.model_json_schema(), "$schema": _DRAFT, "title": "EdgeBench paper"}


def recipe_schema() -> dict[str, Any]:
    """A draft 2020-12 schema of recipes: one alternative per kind of claim that may use them."""
    alternatives: Any = Union[tuple(recipe_model(kind) for kind in SETTINGS)]  # noqa: UP007 (built at run time)
    adapter: TypeAdapter[Any] = TypeAdapter(alternatives)
    schema = adapter.json_schema(ref_template="#/$defs/{model}")
    _suggest_names(schema)
    schema["$schema"] = _DRAFT
    schema["title"] = "EdgeBench recipe"
    return schema


def claim_schema() -> dict[str, Any]:
    """A draft 2020-12 schema: one alternative per kind of claim, names completed from the registries."""
    alternatives: Any = Union[tuple(claim_model(kind) for kind in SETTINGS)]  # noqa: UP007 (built at run time)
    adapter: TypeAdapter[Any] = TypeAdapter(alternatives)
    schema = adapter.json_schema(ref_template="#/$defs/{model}")
    # With a matrix, an effect may be put together from the claim and its cases.
    effect = partial(EffectFile)
    schema["$defs"]["PartialEffectFile"] = effect.model_json_schema()
    required = schema["$defs"].pop("EffectFile")["required"]
    for kind in SETTINGS:
        _allow_matrix(schema["$defs"][f"{kind.title()}Claim"], required, needs_tiers=kind not in EXACT_KINDS)
    _suggest_names(schema)
    _suggest(schema, "PartialPropertySettings", properties.names())
    schema["$schema"] = _DRAFT
    schema["title"] = "EdgeBench claim"
    schema["$comment"] = "metrics: " + "; ".join(
        f"{kind}: {', '.join(table)}" for kind, table in METRICS.items()
    )
    return schema


def _allow_matrix(claim: dict[str, Any], effect_keys: list[str], *, needs_tiers: bool) -> None:
    """Describe the matrix, and demand of a claim itself only what its cases cannot supply."""
    keys = claim["properties"]
    keys["effects"]["additionalProperties"] = {"$ref": "#/$defs/PartialEffectFile"}
    case = {
        "type": "object",
        "properties": {key: keys[key] for key in CASE_KEYS},
        "additionalProperties": False,
    }
    keys["matrix"] = {
        "description": keys["matrix"]["description"],
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "anyOf": [
                {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
                {"type": "object", "minProperties": 1, "additionalProperties": case},
            ]
        },
    }
    claim["dependentRequired"] = {"trends": ["matrix"]}
    supplied = ["arms", "effects"]
    claim["required"] = [key for key in claim["required"] if key not in supplied]
    claim["if"] = {"not": {"required": ["matrix"]}}
    claim["then"] = {
        "required": supplied + ["tiers"] * needs_tiers,
        "properties": {"effects": {"additionalProperties": {"required": effect_keys}}},
    }


def _suggest_names(schema: dict[str, Any]) -> None:
    _suggest(schema, "PartialModelSettings", registry.names())
    _suggest(schema, "PartialDataSettings", source.names())


def _suggest(schema: dict[str, Any], definition: str, names: Any) -> None:
    """Offer known names for completion without forbidding others (`npz:PATH`, `timm:…`)."""
    name = schema["$defs"][definition]["properties"]["name"]
    name["examples"] = sorted(names)
