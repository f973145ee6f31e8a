"""An audit in words and as a document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench.judge.audit.audit import Audit, audit
from edgebench.report.audit import audit_document, closing, sections, summary
from edgebench.report.documents import text_of
from tests.judge.audit.fixtures import audited, exact, noise, trained

GAIN = '{value: plain.top1 - slow.top1, expect: "> 0", margin: 0.5}'


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    tmp_path = tmp_path_factory.mktemp("claims")
    once, twice = trained(tmp_path, GAIN), trained(tmp_path, GAIN, "[5, 10]")
    subjects = [each for seed in range(8) for each in audited(once, {"gain": noise(5, seed, mean=3)})]
    subjects += [each for seed in range(8) for each in audited(twice, {"gain": noise(10, seed, mean=0.4)})]
    return audit([*subjects, *audited(once, {"gain": (2.0,) * 5})])


def test_every_table_with_its_rows(found: Audit) -> None:
    text = summary(found)
    assert [each.title for each in sections(found)] == [
        "False decisions", "Coverage over all looks", "Power", "Power on stored seeds", "Mutations",
    ]  # fmt: skip
    for said in (
        "looks at 5, 10",
        "halves of 10 seeds and more",
        "left out: 1 effect whose seeds all agree",
    ):
        assert said in text
    assert "heavy-tailed" in text
    assert "excess kurtosis" in text
    assert "mutated on planted values: " in text
    assert max(map(len, text.splitlines())) <= 110
    assert text.splitlines()[-1] == closing(found)
    assert closing(found).startswith("17 effects, ")
    assert ", no vacuous effects; " in closing(found)
    assert summary(found, quiet=True) == closing(found)


def test_what_is_not_as_it_must_be_stands_at_the_end(tmp_path: Path) -> None:
    (one,) = audited(trained(tmp_path, '{value: slow.top1, expect: "> -1"}'), {"gain": noise(5, 1, mean=50)})
    text = summary(audit([one]), quiet=True)
    first, _, last = text.splitlines()
    assert first.startswith("✗ demo/claim::gain at smoke is vacuous under 'possible values': ")
    assert "1 vacuous effect;" in last


def test_exact_effects_alone_have_mutations_alone(tmp_path: Path) -> None:
    claim = exact(tmp_path, more='{value: large.params - small.params, expect: "== 128"}')
    found = audit(audited(claim, {"more": [128.0]}))
    assert [each.title for each in sections(found)] == ["Mutations"]
    assert closing(found) == "1 effect, 5 mutants, no vacuous effects"
    assert audit_document(found, 0)["false_decisions"] is None


def test_the_document_has_all_of_it(found: Audit) -> None:
    document = json.loads(text_of(audit_document(found, 0)))
    assert (document["kind"], document["exit_status"], document["limit"], document["failures"]) == (
        "audit",
        0,
        5.5,
        [],
    )
    assert document["false_decisions"]["by_looks"][0]["looks"] == [5]
    assert document["false_decisions"]["overall"]["effects"] == 16
    assert [each["looks"] for each in document["coverage"]] == [[5], [5, 10]]
    assert document["coverage"][0]["missed"]["normal"] == pytest.approx(5, abs=0.4)
    assert len(document["power"][0]["shifts"]) == len(document["power"][0]["by_shift"])
    assert document["mutations"]["direction"] == {
        "mutants": 17, "changed": 17, "survived": 0, "equivalent": 0, "unknown": 0,
    }  # fmt: skip
    item = document["items"][0]
    assert (item["id"], item["tier"], item["vacuous"], item["stale"]) == (
        "demo/claim::gain",
        "smoke",
        False,
        False,
    )
    assert item["mutants"]["arms swapped"] == {"fate": "changed", "tried": 1, "said": ""}
