"""Every way in which a claim file, or the place where it lies, is refused."""

# ruff: noqa: E501 (the table of mistakes reads best with one a line)

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgebench.claim.loader import load_claim, load_paper
from edgebench.claim.problems import ClaimFileError
from tests.claim.fixtures import PAPER, PROFILE, PROPERTY, TRAIN, Root, changed, place

# (what is replaced in TRAIN, by what, line, column, words of the only problem, its hint)
BROKEN = [
    # keys
    ("where: Table 3", "wheer: Table 3", 2, 1, "unknown key 'wheer'", "did you mean 'where'?"),
    ("where: Table 3\n", "", 1, 1, "the key 'where' is missing", None),
    ("where: Table 3", "where: Table 3\nwhere: Table 4", 3, 1, "duplicate key 'where' (first at line 2, column 1)", None),
    ("where: Table 3", "where: Table 3\nmatrx: {a: [1]}", 3, 1, "unknown key 'matrx'", "did you mean 'matrix'?"),
    ("  plain: {}", "  plain: {epoch: 3}", 8, 11, "unknown key 'epoch'", "did you mean 'epochs'?"),
    ("{mixup: {alpha: 0.2}}", "{mixup: {alhpa: 0.2}}", 9, 29, "unknown key 'alhpa'", "did you mean 'alpha'?"),
    ("    epochs: 2", "    epoch: 2", 13, 5, "unknown key 'epoch'", "did you mean 'epochs'?"),
    ("    margin: 0.3", "    margn: 0.3", 20, 5, "unknown key 'margn'", "did you mean 'margin'?"),
    ("  smoke:", "  smok:", 11, 3, "unknown key 'smok'; expected one of paper, short, smoke", "did you mean 'smoke'?"),
    ("  smoke:", "  medium:", 11, 3, "unknown key 'medium'", None),
    ("    data: digits", "    arms: {plian: {}}\n    data: digits", 12, 12, "no arm is called 'plian'", "did you mean 'plain'?"),
    ("    data: digits", "    arms: {plain: {bach: 3}}\n    data: digits", 12, 20, "unknown key 'bach'", "did you mean 'batch'?"),
    # missing settings
    ("    epochs: 2\n", "", 11, 3, "the key 'epochs' is missing", None),
    ("{name: sgd, lr: 0.1}", "{name: sgd}", 5, 3, "the key 'lr' is missing in 'optimiser'", None),
    ("  plain: {}", "  plain: {optimiser: adam}", 8, 11, "the key 'lr' is missing in 'optimiser'", None),
    ("    expect: \"> 0\"\n", "", 17, 3, "the key 'expect' is missing in 'mixup'", None),
    ("    value: plain.top1 - mixup.top1\n", "", 17, 3, "the key 'value' is missing in 'mixup'", None),
    ("  plain: {}", "  plain: {method: {name: mobiletl, blocks: 2}, quantise: int8}", 8, 48, "networks of method 'mobiletl' cannot be quantised; expected no method, or one of", None),
    # types and ranges
    ("tags: [accuracy]", "tags: accuracy", 3, 1, "'tags' is the text 'accuracy'; expected a list", None),
    ("tags: [accuracy]", "tags: [Accuracy]", 3, 8, "expected lower-case letters", None),
    ("tags: [accuracy]", "tags: [a, skip]", 3, 11, "the tag 'skip' is one of pytest's own markers", None),
    ("    epochs: 2", "    epochs: 0", 13, 5, "'epochs' is the number 0; expected more than 0", None),
    ("    epochs: 2", "    epochs: 2.5", 13, 5, "'epochs' is the number 2.5; expected a whole number", None),
    ("    epochs: 2", "    epochs:", 13, 5, "'epochs' is nothing; expected a whole number", None),
    ("    epochs: 2", "    epochs: " + "9" * 400, 13, 13, "number of 400 digits", None),
    ("    margin: 0.3", "    margin: .nan", 20, 5, "'margin' is the number nan; expected a finite number", None),
    ("    margin: 0.3", "    margin: -0.3", 20, 5, "'margin' is the number -0.3; expected at least 0", None),
    ("    margin: 0.3", "    margin: wide", 20, 5, "'margin' is the text 'wide'; expected a number", None),
    ("    published: 0.7", "    published: .inf", 21, 5, "expected a finite number", None),
    ("    published: 0.7", "    published: 1e999", 21, 5, "expected a finite number", None),
    ("  plain: {}", "  plain:", 8, 3, "'plain' is nothing; expected keys and values", None),
    ("  plain: {}", "  plain: []", 8, 3, "'plain' is a list; expected keys and values", None),
    ("  plain: {}", "  plain: {}\n  odd: 5", 9, 3, "'odd' is the number 5", None),
    ("    looks: [3, 5]", "    looks: [5, 3]", 14, 5, "'looks' is [5, 3]; expected rising numbers", None),
    ("    looks: [3, 5]", "    looks: [3, 3]", 14, 5, "'looks' is [3, 3]; expected rising numbers", None),
    ("    looks: [3, 5]", "    looks: []", 14, 5, "'looks' is []; expected rising numbers", None),
    ("    looks: [3, 5]", "    looks: [1, 5]", 14, 13, "expected at least 2", None),
    ("    looks: [3, 5]", "    looks: 5", 14, 5, "'looks' is the number 5; expected a list", None),
    ("    looks: [3, 5]", "    looks: [3, x]", 14, 16, "'looks' is the text 'x'", None),
    ("    floor: {top1: 50}", "    floor: {top: 50}", 15, 13, "no metric is called 'top'", "did you mean 'top1'?"),
    ("    floor: {top1: 50}", "    floor: {curve.val_loss: 5}", 15, 13, "'curve.val_loss' is a whole curve", None),
    ("    floor: {top1: 50}", "    floor: {val_loss: 5}", 15, 13, "'val_loss' is not one where more is better", None),
    ("    floor: {top1: 50}", "    floor: {top1: .nan}", 15, 13, "expected a finite number", None),
    ("    floor: {top1: 50}", "    floor: [top1]", 15, 5, "'floor' is a list", None),
    ("    floor: {top1: 50}", "    timeout: 0", 15, 5, "'timeout' is the number 0; expected more than 0", None),
    ("    floor: {top1: 50}", "    memory: -1", 15, 5, "'memory' is the number -1; expected more than 0", None),
    ("  model: micronet", "  netaug: {width: [2, 3]}\n  model: micronet", 6, 12, "is a list; expected 1, then larger", None),
    ("  model: micronet", "  dropblock: {keep: 0.9, size: 4}\n  model: micronet", 6, 26, "number 4; expected an odd number", None),
    ("  model: micronet", "  augment: {affine: {degrees: [5, 1]}}\n  model: micronet", 6, 22, "; a range starts with its smaller", None),
    # names
    ("  model: micronet", "  model: micronte", 6, 3, "no model is called 'micronte'", "did you mean 'micronet'?"),
    ("  model: micronet", "  model: {dropout: 0.1, name: micronte}", 6, 25, "no model is called 'micronte'", "did you mean 'micronet'?"),
    ("  model: micronet", "  model: {name: micronet, kernel: 3}", 6, 27, "has no option 'kernel'", None),
    ("  model: micronet", "  model: {name: conv-block, kernel: 4}", 6, 29, "kernel is 4", None),
    ("    data: digits", "    data: digts", 12, 5, "no dataset is called 'digts'", "did you mean 'digits'?"),
    ("    data: digits", "    data: {name: 'npz:'}", 12, 12, "is not followed by a usable path", None),
    ("    data: digits", "    data: {name: https://example.org/x.npz}", 12, 12, "is a URL", "download it first"),
    ("  model: micronet", "  start: {pretrain: {data: digts, epochs: 1, optimiser: {name: sgd, lr: 1}}}\n  model: micronet", 6, 22, "no dataset is called 'digts'", "did you mean 'digits'?"),
    ("  model: micronet", "  start: {pretrain: {data: digits, epochs: 1, optimiser: {name: sgd, lr: 1}, distill: {teacher: {model: micro}}}}\n  model: micronet", 6, 98, "no model is called 'micro'", None),
    ("  model: micronet", "  distill: {teacher: {model: micronte}}\n  model: micronet", 6, 23, "no model is called 'micronte'", "did you mean 'micronet'?"),
    ("  plain: {}", "  plain: {dropblock: {keep: 1, size: 1}, distill: {teacher: {model: micronet}}, method: ft-all}", 8, 11, "'dropblock' beside 'method'", None),
    ("  plain: {}", "  plain: {dropblock: {keep: 1, size: 1}, distill: {teacher: {model: micronet}}, start: {weights: file:a.safetensors}}", 8, 42, "'distill' beside 'start'", "a teacher is for"),
    ("{name: sgd, lr: 0.1}", "{name: sgdd, lr: 0.1}", 5, 15, "'name' is the text 'sgdd'", "did you mean 'sgd'?"),
    ("where: Table 3", "where: Table 3\nreference: plian", 3, 1, "no arm is called 'plian'", "did you mean 'plain'?"),
    ("where: Table 3", "where: Table 3\nkind: trian", 3, 1, "'kind' is the text 'trian'", "did you mean 'train'?"),
    ("where: Table 3", "where: Table 3\nkind: [train]", 3, 1, "'kind' is a list", None),
    ("where: Table 3", "where: Table 3\nkind: {a: 1}", 3, 1, "'kind' is a mapping", None),
    ("where: Table 3", "where: Table 3\nkind:", 3, 1, "'kind' is nothing", None),
    ("  plain: {}", "  plain: {}\n  class: {}", 9, 3, "'class' cannot be an arm's name", None),
    ("  plain: {}", "  plain: {}\n  lambda: {}", 9, 3, "'lambda' cannot be an arm's name", None),
    ("  plain: {}", "  plain: {}\n  a-b: {}", 9, 3, "'a-b' cannot be an arm's name", None),
    ("  plain: {}", "  plain: {}\n  5: {}", 9, 3, "'5' cannot be an arm's name", None),
    ("  plain: {}", "  plain: {}\n  naïve: {}", 9, 3, "'naïve' cannot be an arm's name", None),
    ("  mixup:\n    value", "  Mixup_1:\n    value", 17, 3, "'Mixup_1' cannot be an effect's name", None),
    # expressions and expectations
    ("plain.top1 - mixup.top1", "plian.top1 - mixup.top1", 18, 5, "no arm is called 'plian'", "did you mean 'plain'?"),
    ("plain.top1 - mixup.top1", "plain.tp1 - mixup.top1", 18, 5, "no metric is called 'tp1'", "did you mean 'top1'?"),
    ("plain.top1 - mixup.top1", "plain.infer_ms - mixup.infer_ms", 18, 5, "no metric is called 'infer_ms'", None),
    ("plain.top1 - mixup.top1", "().__class__", 18, 5, "'().__class__' is not allowed", None),
    ("plain.top1 - mixup.top1", "__import__('os').system('ls')", 18, 5, "is not a function of effects", None),
    ("plain.top1 - mixup.top1", "(" * 150, 18, 5, "is not an expression", None),
    ("plain.top1 - mixup.top1", "plain.top1 + 1e999", 18, 5, "too large", None),
    ("plain.top1 - mixup.top1", "5", 18, 5, "'value' is the number 5; expected text", None),
    ("plain.top1 - mixup.top1", "''", 18, 5, "expected some text", None),
    ("plain.top1 - mixup.top1", "plain.curve.lr", 18, 5, "is a whole curve", "use last(…)"),
    ('"> 0"', '">= 0"', 19, 5, "does not begin with a relation", "write '>'"),
    ('"> 0"', '"> zero"', 19, 5, "contains", "names belong"),
    ('"> 0"', '"~ 5"', 19, 5, "has no band", "'+-' may stand"),
    ('"> 0"', "0", 19, 5, "'expect' is the number 0; expected text", None),
    ('"> 0"', "> 0", 19, 15, "not valid YAML", "a text that begins with > or | needs quotes"),
    ('"> 0"', "~ 5 ± 1", 20, 5, "a margin has no meaning beside '~'", None),
    ('    expect: "> 0"\n    margin: 0.3', "    expect: == 5", 19, 5, "'==' cannot be expected of a trained quantity", None),
    # whole parts
    ("effects:\n", "effects: {}\nnote:\n", 16, 1, "'effects' is a mapping; expected at least 1 entry", None),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("old", "new", "line", "column", "words", "hint"), BROKEN)
    def test_one_mistake_is_one_problem_at_its_place(
        self, root: Root, old: str, new: str, line: int, column: int, words: str, hint: str | None
    ) -> None:
        text = changed(TRAIN, old, new)
        if new.startswith("effects: {}"):
            text = text[: text.index("note:")]
        problem = root.the_problem(text + "# end\n")
        assert words in problem.message
        assert place(problem) == ("c.yaml", line, column)
        assert (problem.hint or "").startswith(hint or "")
        assert hint is not None or problem.hint is None or "did you mean" in problem.hint

    def test_all_problems_of_a_file_come_together_in_order(self, root: Root) -> None:
        text = TRAIN
        for old, new in [
            ("where: Table 3", "wheer: Table 3"),
            ("tags: [accuracy]", "tags: [accuracy, skip]\ntags: [b]"),
            ("  model: micronet", "  model: micronte"),
            ("  plain: {}", "  plain: {batch: -1}"),
            ("    data: digits", "    data: digts"),
            ("looks: [3, 5]", "looks: [5, 3]"),
            ("plain.top1 - mixup.top1", "plian.top1"),
            ('"> 0"', '"? 0"'),
            ("margin: 0.3", "margin: .nan"),
        ]:
            text = changed(text, old, new)
        found = [(problem.mark.line, problem.mark.column) for problem in root.problems(text)]
        expected = [(2, 1), (3, 18), (4, 1), (7, 3), (9, 11), (13, 5), (15, 5), (19, 5), (20, 5), (21, 5)]
        assert found == expected

    def test_every_line_of_the_error_begins_with_file_line_and_column(
        self, root: Root, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(root.path.parent)
        text = changed(changed(TRAIN, "epochs: 2", "epoch: 2"), "margin: 0.3", "margin: -1")
        with pytest.raises(ClaimFileError) as caught:
            root.load(text)
        first, second = str(caught.value).splitlines()
        assert first.startswith(
            "claims/paper/c.yaml:13:5: unknown key 'epoch'; expected one of arms, augment,"
        )
        assert first.endswith("(did you mean 'epochs'?)")
        assert second == "claims/paper/c.yaml:20:5: 'margin' is the number -1; expected at least 0.0"
        assert caught.value.summary == "2 problems"

    def test_what_every_tier_lacks_is_said_once_at_the_tiers(self, root: Root) -> None:
        text = changed(TRAIN, "  model: micronet\n", "")
        text = changed(text, "  smoke:\n", "  short: {data: digits, epochs: 3}\n  smoke:\n")
        problem = root.the_problem(text)
        assert problem.message == "the key 'model' is missing"
        assert place(problem) == ("c.yaml", 9, 1)

    def test_what_one_tier_lacks_is_said_there(self, root: Root) -> None:
        text = changed(TRAIN, "  smoke:\n", "  paper: {data: digits}\n  smoke:\n")
        problem = root.the_problem(text)
        assert problem.message == "the key 'epochs' is missing"
        assert place(problem) == ("c.yaml", 11, 3)

    @pytest.mark.parametrize("tiers", ["", "tiers:\n", "tiers: {}\n"])
    def test_a_training_claim_without_tiers(self, root: Root, tiers: str) -> None:
        text = TRAIN[: TRAIN.index("tiers:")] + tiers + TRAIN[TRAIN.index("effects:") :]
        problem = root.the_problem(text)
        assert problem.message.startswith("the key 'tiers' is missing; expected one or more of smoke, short")
        assert problem.mark.line == (10 if tiers else 1)

    @pytest.mark.parametrize("key", ["looks: [5, 10]", "floor: {params: 5}"])
    def test_exact_quantities_have_neither_seeds_nor_floor(self, root: Root, key: str) -> None:
        problem = root.the_problem(PROFILE + f"tiers:\n  smoke:\n    {key}\n")
        assert place(problem) == ("c.yaml", 12, 5)
        assert "exact quantities" in problem.message

    def test_an_unknown_property(self, root: Root) -> None:
        problem = root.the_problem(changed(PROPERTY, "signed-backward", "signed-backwards"))
        assert place(problem) == ("c.yaml", 5, 11)
        assert problem.hint == "did you mean 'signed-backward'?"

    def test_problems_in_a_recipe_and_in_the_claim_come_together(self, root: Root) -> None:
        path = root.recipe("base", "batch: 2\nepocs: 3\n")
        text = changed(TRAIN, "tags: [accuracy]", "recipe: base")
        text = changed(text, "margin: 0.3", "margin: -0.3")
        found = root.problems(text)
        assert [place(problem) for problem in found] == [("c.yaml", 20, 5), (path.name, 2, 1)]

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"# nothing\n", b"\0\0\0", b"\x89PNG\r\n\x1a\n", TRAIN.encode("utf-16"), b"[" * 10_000, b"- a\n",
            b"a: &a [x]\nb: *a\n", TRAIN.encode() + b"---\nclaim: y\n", b"!!python/object:os.system {}\n",
            b"<<<<<<< ours\n" + TRAIN.encode(), TRAIN.replace("  ", "\t").encode(), b"{" * 5000, b"? " * 5000,
            b"x" * (1 << 21), b"{}", b"claim: x", b"a: " + b"9" * 100_000, b"'\\uD800': x",
            b"".join(b"k%d: 1\n" % i for i in range(20_000)), b"arms: {" + b", ".join(b"a%d: {zz: 1}" % i for i in range(9000)) + b"}",
        ],
    )  # fmt: skip
    def test_files_that_are_no_claims_at_all(self, root: Root, content: bytes) -> None:
        started = time.perf_counter()
        root.problems(content)
        assert time.perf_counter() - started < 3


class TestPlaces:
    def test_a_claim_linked_from_outside_the_root(self, root: Root, tmp_path: Path) -> None:
        (tmp_path / "outside.yaml").write_text(TRAIN)
        link = root.path / "paper" / "link.yaml"
        link.symlink_to(tmp_path / "outside.yaml")
        with pytest.raises(ClaimFileError, match=r"link.yaml:1:1: leads outside the claims root"):
            load_claim(link)

    def test_a_paper_file_linked_from_outside_the_root(self, root: Root, tmp_path: Path) -> None:
        (tmp_path / "outside.yaml").write_text(PAPER)
        (root.path / "other").mkdir()
        (root.path / "other" / "paper.yaml").symlink_to(tmp_path / "outside.yaml")
        with pytest.raises(ClaimFileError, match="leads outside the claims root"):
            load_paper(root.path / "other")

    def test_a_link_to_itself(self, root: Root) -> None:
        loop = root.path / "paper" / "loop.yaml"
        loop.symlink_to(loop)
        with pytest.raises(ClaimFileError, match="cannot be read"):
            load_claim(loop)

    def test_two_files_of_one_id(self, root: Root) -> None:
        root.write("paper/c.yml", TRAIN)
        assert "c.yml beside it has the same id" in root.the_problem(TRAIN).message

    @pytest.mark.parametrize("name", ["a b", "a[b]", "-a", "é", "a:b"])
    def test_a_name_that_is_no_id(self, root: Root, name: str) -> None:
        with pytest.raises(ClaimFileError, match="cannot be part of a claim's id"):
            load_claim(root.write(f"paper/{name}.yaml", TRAIN))

    @pytest.mark.parametrize(
        ("text", "line", "column", "words"),
        [
            (PAPER + "yaer: 2024\n", 5, 1, "did you mean 'year'?"),
            (PAPER + "year: 2025\n", 5, 1, "duplicate key"),
            (changed(PAPER, "2024", "'2024'"), 3, 1, "expected a whole number"),
            (changed(PAPER, "2024", "99"), 3, 1, "expected at least 1900"),
            (changed(PAPER, "title: A paper\n", ""), 1, 1, "the key 'title' is missing"),
            (changed(PAPER, "[A. Author]", "A. Author"), 2, 1, "expected a list"),
        ],
    )
    def test_a_broken_paper_file(self, root: Root, text: str, line: int, column: int, words: str) -> None:
        root.write("paper/paper.yaml", text)
        with pytest.raises(ClaimFileError) as caught:
            load_paper(root.path / "paper")
        (problem,) = caught.value.problems
        assert place(problem) == ("paper.yaml", line, column)
        assert words in str(problem)
