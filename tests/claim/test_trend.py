"""Trends over the cases of a matrix: what they are slopes of, what they need, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgebench.claim.claim import Case
from tests.claim.fixtures import MATRIX, TRAIN, TRENDS, Root, changed, place

DATA = "did you mean 'data.train'?"
SIZES, WIDTHS = (100, 200, 400), (0.25, 0.5)


def trends(root: Root, text: str = TRENDS) -> Case:
    *others, last = root.load(text).cases
    assert (last.id, last.place) == ("", ())
    assert last.over == tuple(case.id for case in others)
    assert not any(case.over for case in others)
    return last


class TestCase:
    def test_is_one_more_with_the_arms_of_all_others(self, root: Root) -> None:
        case = trends(root)
        tier = case.tiers["smoke"]
        assert list(tier.arms) == [
            f"{arm}[train={size},width={width}]"
            for size in SIZES
            for width in WIDTHS
            for arm in ("plain", "mixup")
        ]
        other = root.load(TRENDS).cases[3]
        assert other.id == "train=200,width=0.5"
        assert tier.arms["mixup[train=200,width=0.5]"] == other.tiers["smoke"].arms["mixup"]
        assert (tier.looks, tier.timeout, tier.memory) == ((3, 5), None, None)

    def test_effects_are_what_the_file_says(self, root: Root) -> None:
        data, width = trends(root).effects.values()
        assert (data.key, data.margin, data.published, data.note) == ("with-data", 0.1, -0.5, "of the figure")
        assert (str(data.expect), data.unit, data.mark.line) == ("< 0", "points per doubling", 23)
        assert data.value.source == "slope of deficit (plain.top1 - mixup.top1) per doubling of data.train"
        assert (width.unit, width.margin, width.mark.line) == ("points per unit", 0, 30)
        assert width.value.source == "slope of deficit (plain.top1 - mixup.top1) along model.width"

    def test_a_unit_may_be_given(self, root: Root) -> None:
        text = changed(TRENDS, "note: of the figure", "unit: points per octave")
        assert trends(root, text).effects["with-data"].unit == "points per octave"

    def test_without_trends_there_is_none(self, root: Root) -> None:
        assert len(root.load(TRENDS[: TRENDS.index("trends:")]).cases) == 6

    def test_the_reference_of_every_case_has_its_own_floor(self, root: Root) -> None:
        text = changed(TRENDS, "  data.train: [100, 200, 400]\n", """\
  size:
    few: {settings: {data: {train: 100}}, tiers: {smoke: {floor: {top1: 4}}}}
    many: {settings: {data: {train: 200}}, tiers: {smoke: {floor: {top1: 40}}}}
""")  # fmt: skip
        claim = root.load(text)
        tier = claim.cases[-1].tiers["smoke"]
        assert claim.floors(tier) == {
            "plain[few,width=0.25]": {"top1": 4}, "plain[few,width=0.5]": {"top1": 4},
            "plain[many,width=0.25]": {"top1": 40}, "plain[many,width=0.5]": {"top1": 40},
        }  # fmt: skip
        assert claim.floors(claim.cases[0].tiers["smoke"]) == {"plain": {"top1": 4}}

    def test_only_arms_that_are_needed_are_in_it(self, root: Root) -> None:
        text = changed(TRENDS, "  mixup: {augment", "  third: {batch: 16}\n  mixup: {augment")
        text = changed(text, "value: plain.top1 - mixup.top1", "value: third.top1 - mixup.top1")
        assert {name.split("[")[0] for name in trends(root, text).tiers["smoke"].arms} == {
            "plain",
            "third",
            "mixup",
        }
        text = changed(text, "    floor: {top1: 5}\n", "")
        assert {name.split("[")[0] for name in trends(root, text).tiers["smoke"].arms} == {"third", "mixup"}


class TestSlope:
    def test_is_that_of_all_cases(self, root: Root) -> None:
        values = dict(zip(itertools.product(SIZES, WIDTHS), (5.0, 9.0, 4.0, 1.0, -3.0, 2.5), strict=True))
        case = trends(root)

        def lookup(arm: str, name: str) -> float:
            size, width = (float(part.split("=")[1]) for part in arm[:-1].split("[")[1].split(","))
            if name != "top1":
                return {"settings.data.train": size, "settings.model.width": width}[name]
            return 50 + (values[int(size), width] if arm.startswith("plain") else 0)

        def expected(x: list[float]) -> float:
            return float(np.polyfit(x, list(values.values()), 1)[0])

        data, width = case.effects.values()
        assert data.value.evaluate(lookup) == pytest.approx(expected([np.log2(size) for size, _ in values]))
        assert width.value.evaluate(lookup) == pytest.approx(expected([width for _, width in values]))
        assert data.arms == tuple(case.tiers["smoke"].arms)

    def test_arms_are_renamed_and_nothing_else(self, root: Root) -> None:
        """Arms may be called like functions and metrics."""
        text = TRENDS.replace("plain", "max").replace("mixup:", "top1:", 1)
        value = (
            "front(max, top1, gain=top1, cost=params) + max(max.top1, top1.top1) - last(max.curve.val_top1)"
        )
        text = changed(text, "max.top1 - mixup.top1", f'"{value}"')
        effect = trends(root, text).effects["with-data"]
        one = "[train=100,width=0.25]"
        assert effect.value.references[:6] == (
            (f"max{one}", "settings.data.train"), (f"max{one}", "top1"), (f"top1{one}", "top1"),
            (f"max{one}", "params"), (f"top1{one}", "params"), (f"max{one}", "curve.val_top1"),
        )  # fmt: skip
        assert f"slope of deficit ({value}) per doubling" in effect.value.source

    def test_cases_may_compute_the_effect_in_their_own_ways(self, root: Root) -> None:
        text = changed(
            MATRIX, "        fewer: {published: 2}\n", "        fewer: {value: full.macs - half.macs}\n"
        )
        text += "trends:\n  steep: {effect: fewer, along: classes, expect: '== 0'}\n"
        effect = trends(root, text).effects["steep"]
        assert effect.value.source == "slope of fewer per doubling of classes"
        assert [name for _, name in effect.value.references].count("macs") == 4

    def test_of_settings_that_differ_by_tier(self, root: Root) -> None:
        text = changed(TRENDS, "  data.train: [100, 200, 400]\n", """\
  size:
    few: {tiers: {smoke: {data: {train: 100}}, short: {data: {train: 500}}}}
    many: {tiers: {smoke: {data: {train: 200}}, short: {data: {train: 900}}}}
""")  # fmt: skip
        text = changed(text, "    floor: {top1: 5}\n", "    floor: {top1: 5}\n  short: {epochs: 2}\n")
        case = trends(root, text)
        sizes = {name: {arm.data.train for arm in tier.arms.values()} for name, tier in case.tiers.items()}  # type: ignore[union-attr]
        assert sizes == {"smoke": {100, 200}, "short": {500, 900}}


class TestRefusals:
    @pytest.mark.parametrize(
        ("old", "new", "line", "column", "words", "hint"),
        [
            ("along: data.train", "along: data.trian", 25, 5, "'along' is 'data.trian'", DATA),
            ("along: data.train", "along: train", 25, 5, "expected the path of a setting", DATA),
            ("along: data.train", "along: model.name", 25, 5, "expected the path of a setting that is a number", None),
            ("along: data.train", "along: model.dropout", 25, 5,
             "the arm 'plain' of case 'train=100,width=0.25' has no 'model.dropout' at tier smoke", None),
            ("along: data.train", "along: batch", 25, 5, "'batch' is 128 in every case at tier smoke", None),
            ("effect: deficit\n", "effect: defecit\n", 24, 5, "no effect is called 'defecit'",
             "did you mean 'deficit'?"),
            ("  with-data:", "  deficit:", 23, 3, "there is an effect 'deficit' already", None),
            ("  with-data:", "  With_Data:", 23, 3, "'With_Data' cannot be an effect's name", None),
            ('expect: "< 0"\n    margin', 'expect: "<"\n    margin', 26, 5, "a number is missing", None),
            ('expect: "< 0"\n    margin', 'expect: "~ 0 ± 1"\n    margin', 27, 5, "margin has no meaning", None),
            ('expect: "< 0"\n    margin: 0.1', 'expect: "== 0"', 26, 5, "'==' cannot be expected of a trained", None),
            ("scale: linear", "scale: log", 30, 68, "'scale' is the text 'log'; expected",
             "did you mean 'log2'?"),
            ('    expect: "< 0"\n    margin', "    margin", 23, 3, "the key 'expect' is missing", None),
            ("note: of the figure", "nota: x", 29, 5, "unknown key 'nota'", "did you mean 'note'?"),
        ],
    )  # fmt: skip
    def test_are_at_their_place(
        self, root: Root, old: str, new: str, line: int, column: int, words: str, hint: str | None
    ) -> None:
        problem = root.the_problem(changed(TRENDS, old, new))
        assert words in problem.message
        assert place(problem) == ("c.yaml", line, column)
        if hint is not None:
            assert problem.hint == hint

    @pytest.mark.parametrize("trends", ["", "{}", "5", "[1]", "{a: }", "{a: 5}"])
    def test_of_something_else_than_trends(self, root: Root, trends: str) -> None:
        text = f"{TRENDS[: TRENDS.index('trends:')]}trends: {trends}\n"
        assert root.the_problem(text).mark.line == 22

    def test_without_a_matrix(self, root: Root) -> None:
        text = TRAIN + 'trends: {slower: {effect: mixup, along: epochs, expect: "< 0"}}\n'
        problem = root.the_problem(text)
        assert "'trends' are taken over the cases of a 'matrix'" in problem.message
        assert place(problem) == ("c.yaml", 22, 1)

    def test_beside_a_broken_matrix(self, root: Root) -> None:
        text = changed(TRENDS, "data.train: [100, 200, 400]", "data.trian: [100, 200]")
        assert {problem.mark.line for problem in root.problems(text)} == {16}
        text = changed(text, "along: data.train", "along: data.trian")
        assert {problem.mark.line for problem in root.problems(text)} == {16, 25}

    @pytest.mark.parametrize(
        ("few", "words", "line"),
        [
            ("effects: {other: {value: plain.top1, expect: '> 0'}}", None, 0),
            ("tiers: {smoke: {looks: [2]}}", "same 'looks' in every case; at tier smoke it is (2,) in 'few'", 23),
            ("tiers: {smoke: {timeout: 5}}", "the same 'timeout' in every case; at tier smoke it is 5.0 in 'few'", 23),
            ("tiers: {smoke: {memory: 5}}", "the same 'memory' in every case", 23),
            ("tiers: {short: {epochs: 5}}", "but 'few' has smoke, short and 'many' has smoke", 23),
            ("arms: {mixup: {data: {train: 50}}}", "between the arms of case 'few' at tier smoke ('plain' 100, ", 26),
            ("effects: {deficit: {unit: nats}}", "'deficit' has other units in other cases ('nats', 'points')", 25),
        ],
    )  # fmt: skip
    def test_of_cases_that_do_not_go_together(
        self, root: Root, few: str, words: str | None, line: int
    ) -> None:
        text = changed(TRENDS, "  data.train: [100, 200, 400]\n  model.width: [0.25, 0.5]\n", f"""\
  size:
    few: {{settings: {{data: {{train: 100}}}}, {few}}}
    many: {{settings: {{data: {{train: 200}}}}}}
""")  # fmt: skip
        text = text[: text.index("  with-width")]
        if words is None:
            assert root.load(text).cases[-1].over == ("few", "many")
            return
        problem = root.the_problem(text)
        assert words in problem.message
        assert problem.mark.line == line

    def test_of_an_effect_that_some_cases_do_not_have(self, root: Root) -> None:
        text = changed(TRENDS, "  data.train: [100, 200, 400]\n", """\
  size:
    few: {settings: {data: {train: 100}}, effects: {own: {value: plain.top1, expect: "> 5"}}}
    many: {settings: {data: {train: 200}}}
""")  # fmt: skip
        text = changed(text, "    effect: deficit", "    effect: own")
        problem = root.the_problem(text)
        assert (
            "the case 'many,width=0.25' has no effect 'own'; a trend needs it in every case"
            in problem.message
        )
        assert problem.mark.line == 26

    def test_along_more_than_one_axis(self, root: Root) -> None:
        """Were only wide networks to see more images, what the width does would pass for a trend with data."""
        text = changed(TRENDS, "  data.train: [100, 200, 400]\n  model.width: [0.25, 0.5]\n", """\
  size:
    few: {settings: {batch: 16, data: {train: 100}}}
    many: {settings: {batch: 32, data: {train: 200}}}
  net:
    small: {settings: {model: {width: 0.25}}}
    wide: {tiers: {smoke: {model: {width: 0.5}, data: {train: 300}}}}
""")  # fmt: skip
        problem = root.the_problem(text)
        assert "'data.train' varies along more than one axis at tier smoke" in problem.message
        assert problem.mark.line == 29

    def test_a_logarithm_needs_something_above_zero(self, root: Root) -> None:
        text = changed(TRENDS, "model.width: [0.25, 0.5]", "model.dropout: [0.0, 0.5]")
        text = changed(text, "along: model.width", "along: model.dropout")
        assert trends(root, text).effects["with-width"].unit == "points per unit"
        problem = root.the_problem(changed(text, ", scale: linear", ""))
        assert "'model.dropout' is 0 in case 'train=100,dropout=0.0' at tier smoke" in problem.message

    def test_times_of_unlike_rounds(self, root: Root) -> None:
        text = """\
            claim: x
            where: y
            kind: latency
            settings: {model: micronet, input: [2, 1, 8, 8]}
            arms: {a: {}, b: {model: {width: 2}}}
            tiers: {smoke: {looks: [2]}}
            matrix:
              size: {few: {settings: {classes: 5, rounds: 3}}, many: {settings: {classes: 50, rounds: 4}}}
            effects: {slower: {value: b.step_ms / a.step_ms, expect: "> 1"}}
            trends: {steeper: {effect: slower, along: classes, expect: "> 0"}}
            """
        problem = root.the_problem(text)
        assert "'rounds' differ ('a[few]' 3, 'b[few]' 3, 'a[many]' 4, 'b[many]' 4)" in problem.message
        assert len(trends(root, text.replace("rounds: 4", "rounds: 3")).tiers["smoke"].arms) == 4
