"""The JSON schema accepts what the loader accepts, and refuses what is misspelt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.catalogue import claim_files
from edgebench.claim.nodes import read_file, read_text
from edgebench.claim.schema import claim_schema
from edgebench.claim.settings import SETTINGS
from tests.claim.fixtures import MATRIX, PROFILE, TRAIN, TRENDS, VALID, Root, changed

jsonschema = pytest.importorskip("jsonschema")

CLAIMS = Path(__file__).parents[2] / "claims"
SCHEMA = claim_schema()


def errors(document: Any) -> list[Any]:
    return list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document))


def test_is_a_schema_of_draft_2020_12() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_refers_to_its_own_definitions_only() -> None:
    def references(part: Any) -> Iterator[str]:
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            if key == "$ref":
                yield value
            elif isinstance(value, dict | list):
                yield from references(value)

    assert set(references(SCHEMA)) <= {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_building_it_again_gives_the_same() -> None:
    assert claim_schema() == SCHEMA


@pytest.mark.parametrize(
    "path", list(claim_files([CLAIMS])), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_claims_of_this_repository_are_valid(path: Path) -> None:
    assert errors(read_file(path).plain()) == []


@pytest.mark.parametrize("kind", VALID)
def test_valid_fixtures_are_valid(kind: str) -> None:
    assert errors(read_text(VALID[kind], "x").plain()) == []


def test_offers_names_and_descriptions() -> None:
    definitions = SCHEMA["$defs"]
    assert "micronet" in definitions["PartialModelSettings"]["properties"]["name"]["examples"]
    assert "digits" in definitions["PartialDataSettings"]["properties"]["name"]["examples"]
    assert "signed-backward" in definitions["PartialPropertySettings"]["properties"]["name"]["examples"]
    for kind in SETTINGS:
        for key, part in definitions[f"{kind.title()}Claim"]["properties"].items():
            assert part.get("description") or key == "kind", key


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (TRAIN, "where: Table 3", "wheer: Table 3"),
        (TRAIN, "where: Table 3", "where: 3"),
        (TRAIN, "tags: [accuracy]", "tags: [Accuracy]"),
        (TRAIN, "tags: [accuracy]", "kind: profile"),
        (TRAIN, "  plain: {}", "  plain: {epoch: 3}"),
        (TRAIN, "{alpha: 0.2}", "{alpha: 0}"),
        (TRAIN, "{alpha: 0.2}", "{alhpa: 0.2}"),
        (TRAIN, "  smoke:", "  smok:"),
        (TRAIN, "    epochs: 2", "    epochs: 2.5"),
        (TRAIN, "    epochs: 2", "    epoch: 2"),
        (TRAIN, "    margin: 0.3", "    margin: -0.3"),
        (TRAIN, "    margin: 0.3", "    margn: 0.3"),
        (TRAIN, "    looks: [3, 5]", "    looks: [1]"),
        (TRAIN, "  model: micronet", "  model: [micronet]"),
        (TRAIN, '    expect: "> 0"\n', ""),
        (TRAIN, "    value: plain.top1 - mixup.top1\n", ""),
        (TRAIN, TRAIN[TRAIN.index("tiers:") : TRAIN.index("effects:")], ""),
        (TRAIN, TRAIN[TRAIN.index("effects:") :], ""),
        (TRAIN, TRAIN[TRAIN.index("effects:") :], "effects: {}\n"),
        (PROFILE, "kind: profile\n", ""),
        (PROFILE, "input: [1, 3, 32, 32]", "input: [1, 3, 32, -32]"),
        (MATRIX, "small: {settings:", "small: {setings:"),
        (MATRIX, "fewer: {published: 2}", "fewer: {publishd: 2}"),
        (MATRIX, "classes: [10, 100]", "classes: 10"),
        (MATRIX, "classes: [10, 100]", "classes: []"),
        (MATRIX, "classes: [10, 100]", "classes: [[10]]"),
        (TRENDS, "scale: linear", "scale: log10"),
        (TRENDS, "    along: data.train\n", ""),
        (TRENDS, "    effect: deficit\n", ""),
        (TRENDS, "    margin: 0.1", "    margn: 0.1"),
        (TRENDS, TRENDS[TRENDS.index("  with-data:") :], "  {}\n"),
        (TRENDS, TRENDS[TRENDS.index("matrix:") : TRENDS.index("effects:")], ""),
    ],
)
def test_what_the_loader_refuses_for_its_form_the_schema_refuses(
    root: Root, text: str, old: str, new: str
) -> None:
    text = changed(text, old, new)
    assert root.problems(text)
    assert errors(read_text(text, "x").plain())


def test_arms_and_effects_may_come_from_cases_with_a_matrix_only() -> None:
    text = changed(MATRIX, ', expect: "> 0"', "")
    assert errors(read_text(text, "x").plain()) == []
    arms = MATRIX[MATRIX.index("arms:") : MATRIX.index("matrix:")]
    cases = changed(changed(text, arms, ""), "small: {settings:", "small: {arms: {a: {}}, settings:")
    assert errors(read_text(cases, "x").plain()) == []
    assert errors(read_text(changed(PROFILE, ', expect: "> 0"', ""), "x").plain())
