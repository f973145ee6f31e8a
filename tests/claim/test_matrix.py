"""A claim expanded over a matrix, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest

from edgebench.claim.claim import Case
from tests.claim.fixtures import MATRIX, PROFILE, TRAIN, Root, changed, place

# `matrix:` stands at line 8 of this, what comes below it from line 9.
HEAD = PROFILE[: PROFILE.index("effects:")]
TAIL = PROFILE[PROFILE.index("effects:") :]


def with_matrix(text: str) -> str:
    return f"{HEAD}matrix: {text}\n{TAIL}"


def shape(case: Case, arm: str = "full") -> Any:
    return case.tiers["smoke"].arms[arm]


class TestCases:
    def test_are_the_product_of_the_axes_in_order(self, root: Root) -> None:
        cases = {case.id: case for case in root.load(MATRIX).cases}
        assert list(cases) == [
            "small,classes=10", "small,classes=100", "large,classes=10", "large,classes=100",
        ]  # fmt: skip
        assert shape(cases["small,classes=10"]).input == (1, 3, 8, 8)
        assert shape(cases["large,classes=100"]).input == (1, 3, 64, 64)
        assert shape(cases["large,classes=100"]).classes == 100
        assert cases["small,classes=10"].effects["fewer"].published is None
        assert cases["large,classes=10"].effects["fewer"].published == 2

    def test_know_their_place_on_each_axis(self, root: Root) -> None:
        cases = root.load(MATRIX).cases
        assert [case.place for case in cases[1:3]] == [
            (("input", 0, "small"), ("classes", 1, "100")),
            (("input", 1, "large"), ("classes", 0, "10")),
        ]
        assert root.load(PROFILE).cases[0].place == ()

    def test_without_a_matrix_there_is_one_without_a_name(self, root: Root) -> None:
        assert [case.id for case in root.load(PROFILE).cases] == [""]

    @pytest.mark.parametrize(
        ("axis", "ids"),
        [
            ("{model.channels: [8, 16]}", ["channels=8", "channels=16"]),
            ("{classes: [5, 50]}", ["classes=5", "classes=50"]),
            ("{method: [mobiletl]}", ["method=mobiletl"]),
            ("{a: {x: {}, y: {settings: {classes: 5}}}}", ["x", "y"]),
            ("{a: {x: {}}, b: {y: {}, z: {settings: {classes: 5}}}}", ["x,y", "x,z"]),
        ],
    )
    def test_are_called_by_their_values(self, root: Root, axis: str, ids: list[str]) -> None:
        text = with_matrix(axis).replace("model: {name: micronet, width: 1}", "model: conv-block")
        text = text.replace("model: {name: micronet, width: 0.5}", "model: conv-block")
        assert [case.id for case in root.load(text).cases] == ids

    def test_truth_values_are_written_as_in_yaml(self, root: Root) -> None:
        text = changed(TRAIN, "effects:\n", "matrix: {augment.flip: [true, false]}\neffects:\n")
        assert [case.id for case in root.load(text).cases] == ["flip=true", "flip=false"]

    def test_a_value_reaches_a_network_that_a_tier_names_in_short(self, root: Root) -> None:
        text = changed(TRAIN, "  model: micronet\n", "")
        text = changed(text, "    data: digits\n", "    data: digits\n    model: micronet\n")
        text = changed(text, "effects:\n", "matrix: {model.width: [0.5, 2]}\neffects:\n")
        models = [case.tiers["smoke"].arms["plain"].model for case in root.load(text).cases]  # type: ignore[union-attr]
        assert [(model.name, model.width) for model in models] == [("micronet", 0.5), ("micronet", 2)]

    def test_a_case_may_complete_an_effect_and_bring_arms(self, root: Root) -> None:
        text = """\
            claim: x
            where: y
            kind: property
            effects: {holds: {value: check.violations}}
            matrix:
              property:
                a: {arms: {check: {name: signed-backward}}, effects: {holds: {expect: "== 0"}}}
                b: {arms: {check: {name: shift-only-bn}}, effects: {holds: {expect: "== 1"}}}
            """
        cases = root.load(text).cases
        assert [case.effects["holds"].expect.target for case in cases] == [0, 1]
        assert [case.effects["holds"].mark.line for case in cases] == [7, 8]


class TestRefusals:
    @pytest.mark.parametrize(
        ("matrix", "line", "column", "words"),
        [
            ("", 8, 1, "'matrix' is nothing"),
            ("{}", 8, 1, "'matrix' is a mapping; expected axes"),
            ("[1]", 8, 1, "'matrix' is a list"),
            ("5", 8, 1, "'matrix' is the number 5"),
            ("\n  classes: []", 9, 3, "'classes' is empty"),
            ("\n  classes: {}", 9, 3, "'classes' is empty"),
            ("\n  classes:", 9, 3, "'classes' is nothing"),
            ("\n  classes: 5", 9, 3, "'classes' is the number 5"),
            ("\n  classes: [5, [6]]", 9, 16, "is a list; expected a value"),
            ("\n  classes: [5, {a: 6}]", 9, 16, "is a mapping; expected a value"),
            ("\n  classes: [5, ~]", 9, 16, "is nothing; expected a value"),
            ('\n  classes: [5, "a\\nb"]', 9, 16, "expected at most 200 printable characters"),
            (f"\n  classes: [5, {'x' * 201}]", 9, 16, "expected at most 200 printable characters"),
            ("\n  classes: [5, 6, 5]", 9, 19, "lists the number 5 twice"),
            ("\n  classes: [5, 0, 7]", 9, 16, "'classes' is the number 0; expected more than 0"),
            ("\n  method: [mobiletl, mobiltl]", 9, 22, "'method' is the text 'mobiltl'; expected 'mobiletl'"),
            ("\n  model.width: [2, 3]", 9, 20, "the cases 'width=2' and 'width=3' do not differ"),
            ("\n  a: {x: {}, y: {}}", 9, 14, "the cases 'x' and 'y' do not differ"),
            ("\n  clases: [5, 6, 7]", 9, 3, "'clases' is not the path of a setting"),
            ("\n  model.widht: [1, 2, 3]", 9, 3, "found 'widht'"),
            ("\n  model.width.x: [1, 2]", 9, 3, "expected 'model.width' alone"),
            ("\n  model..width: [1, 2]", 9, 3, "found ''"),
            ("\n  '': [1, 2]", 9, 3, "found ''"),
            ("\n  epochs: [1, 2]", 9, 3, "found 'epochs'"),  # not of this kind of claim
            ("\n  ../x: [1, 2]", 9, 3, "found ''"),
            ("\n  a: {'x y': {}}", 9, 7, "'x y' is not a case name"),
            ("\n  a: {'x,y': {}}", 9, 7, "'x,y' is not a case name"),
            ("\n  a: {x: 5}", 9, 7, "case 'x' is the number 5"),
            ("\n  a: {x: }", 9, 7, "case 'x' is nothing"),
            ("\n  a: {x: {matrix: {b: [1]}}}", 9, 11, "a matrix inside a matrix"),
            ("\n  a: {x: {kind: train}}", 9, 11, "a case cannot set 'kind'"),
            ("\n  a: {x: {reference: full}}", 9, 11, "a case cannot set 'reference'"),
            ("\n  a: {x: {efects: {}}}", 9, 11, "a case cannot set 'efects'"),
            ("\n  a: {x: {arms: {half: {modle: x}}}}", 9, 25, "unknown key 'modle'"),
            ("\n  a: {x: {settings: {classes: -1}}, y: {}}", 9, 22, "'classes' is the number -1"),
            ("\n  a: {x: {}, x: {}}", 9, 14, "duplicate key 'x'"),
            (f"\n  classes: {list(range(1, 502))}", 8, 1, "has 501 cases; expected at most 500"),
            (
                "\n" + "\n".join(f"  a{i}: {{{', '.join(f'c{i}-{j}: {{}}' for j in range(100))}}}" for i in range(9)),
                8, 1, "has 1000000000000000000 cases",
            ),
        ],
    )  # fmt: skip
    def test_are_at_their_place_and_once(
        self, root: Root, matrix: str, line: int, column: int, words: str
    ) -> None:
        problem = root.the_problem(with_matrix(matrix))
        assert words in problem.message
        assert place(problem) == ("c.yaml", line, column)

    def test_problems_elsewhere_are_reported_beside_those_of_the_matrix(self, root: Root) -> None:
        text = changed(with_matrix("{}"), "where: Table 1", "wheer: Table 1")
        messages = [problem.message for problem in root.problems(text)]
        assert any("unknown key 'wheer'" in each for each in messages)
        assert any("'matrix' is" in each for each in messages)
        assert len(messages) == 2

    def test_a_problem_of_the_claim_is_not_repeated_for_every_case(self, root: Root) -> None:
        text = changed(
            MATRIX, "half: {model: {name: micronet, width: 0.5}}", "half: {model: {name: micronet, widht: 1}}"
        )
        assert place(root.the_problem(text)) == ("c.yaml", 7, 34)

    def test_a_key_that_all_cases_lack_is_missing_once_from_the_claim(self, root: Root) -> None:
        text = MATRIX[: MATRIX.index("effects:\n  fewer: {value")].replace(
            "effects:\n        fewer: {published: 2}", "tiers: {}"
        )
        problem = root.the_problem(text)
        assert problem.message == "the key 'effects' is missing"
        assert place(problem) == ("c.yaml", 1, 1)

    def test_a_key_that_one_case_lacks_is_missing_there(self, root: Root) -> None:
        text = changed(MATRIX, "settings: {input: [1, 3, 32, 32]}\n", "")
        text = changed(text, "settings: {input: [1, 3, 8, 8]}", "")
        problem = root.the_problem(text.replace("  classes: [10, 100]\n", ""))
        assert problem.message == "the key 'input' is missing"
        assert place(problem) == ("c.yaml", 9, 5)

    def test_a_floor_needs_its_reference_in_every_case(self, root: Root) -> None:
        arms = TRAIN[TRAIN.index("arms:") : TRAIN.index("tiers:")]
        text = changed(TRAIN, arms, "")
        text = changed(text, "  mixup:\n    value: plain.top1 - mixup.top1\n", "  mixup:\n")
        text += (
            "matrix:\n  pair:\n"
            "    one: {arms: {a: {}, b: {batch: 2}}, effects: {mixup: {value: a.top1 - b.top1}}}\n"
            "    two: {arms: {c: {}, b: {batch: 2}}, effects: {mixup: {value: c.top1 - b.top1}}}\n"
        )
        problem = root.the_problem(text)
        assert "case 'two' has no arm 'a', which the floor is about" in problem.message
        assert "two:" in text.splitlines()[problem.mark.line - 1]
        assert root.load(changed(text, "matrix:", "reference: b\nmatrix:")).reference == "b"
