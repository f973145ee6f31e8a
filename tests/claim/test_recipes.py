"""Recipes: where they are found, how they merge, and how broken ones are reported."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgebench.claim import recipes as module
from edgebench.claim.loader import load_claim
from edgebench.claim.nodes import Node
from edgebench.claim.problems import ClaimFileError, Problem
from edgebench.claim.recipes import Recipes
from tests.claim.fixtures import TRAIN, Root, changed, place

CLAIM = changed(TRAIN, "settings:\n", "recipe: base\nsettings:\n")  # the recipe's name stands at 4:9


def with_recipe(names: str) -> str:
    return changed(CLAIM, "recipe: base", f"recipe: {names}")


def batch(root: Root, text: str = CLAIM, arm: str = "plain") -> int:
    settings = root.load(text).cases[0].tiers["smoke"].arms[arm]
    return settings.batch  # type: ignore[union-attr]


class TestMerging:
    def test_of_the_paper_before_shared(self, root: Root) -> None:
        root.recipe("base", "batch: 1", shared=True)
        assert batch(root) == 1
        root.recipe("base", "batch: 2")
        assert batch(root) == 2

    def test_later_recipes_are_nearer(self, root: Root) -> None:
        root.recipe("a", "batch: 1\nepochs: 9")
        root.recipe("b", "batch: 2")
        assert batch(root, with_recipe("[a, b]")) == 2
        assert batch(root, with_recipe("[b, a]")) == 1

    def test_a_recipe_is_nearer_than_what_it_includes(self, root: Root) -> None:
        root.recipe("base", "include: [a, b]\nlabel_smoothing: 0.1")
        root.recipe("a", "batch: 1\nlabel_smoothing: 0.2")
        root.recipe("b", "include: a\nbatch: 2", shared=True)
        loaded = root.load(CLAIM).cases[0].tiers["smoke"].arms["plain"]
        assert (loaded.batch, loaded.label_smoothing) == (2, 0.1)  # type: ignore[union-attr]

    def test_a_diamond_is_no_cycle(self, root: Root) -> None:
        root.recipe("base", "include: [a, b]")
        root.recipe("a", "include: c")
        root.recipe("b", "include: c")
        root.recipe("c", "batch: 7\nnote: shared by both")
        assert batch(root) == 7

    def test_a_lattice_of_diamonds_takes_no_exponential_time(self, root: Root) -> None:
        for level in range(18):
            for side in "ab":
                root.recipe(f"{side}{level}", f"include: [a{level + 1}, b{level + 1}]")
        root.recipe("a18", "batch: 7")
        root.recipe("b18", "epocs: 7")
        started = time.perf_counter()
        problem = root.the_problem(with_recipe("a0"))
        assert place(problem) == ("b18.yaml", 1, 1)
        assert time.perf_counter() - started < 5

    def test_a_file_is_read_once_for_all_claims_and_tiers(
        self, root: Root, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[str] = []
        original = module.read_file

        def counted(path: Path, problems: list[Problem]) -> Node:
            read.append(path.name)
            return original(path, problems)

        monkeypatch.setattr(module, "read_file", counted)
        root.recipe("base", "batch: 2")
        shared = Recipes(root.path)
        for name in ("c1", "c2"):
            text = changed(CLAIM, "  smoke:\n", "  short: {data: digits, epochs: 3}\n  smoke:\n")
            path = root.write(f"paper/{name}.yaml", text)
            assert load_claim(path, shared).tiers == ("smoke", "short")
        assert read == ["base.yaml"]


class TestRefusals:
    def test_an_unknown_name_is_one_problem_with_the_nearest(self, root: Root) -> None:
        root.recipe("base-line", "batch: 2")
        root.recipe("other", "batch: 2", shared=True)
        problem = root.the_problem(with_recipe("baseline"))
        assert place(problem) == ("c.yaml", 4, 9)
        assert "no recipe is called 'baseline'" in problem.message
        assert problem.hint == "did you mean 'base-line'?"
        assert root.the_problem(with_recipe("[other, othr]")).hint == "did you mean 'other'?"

    def test_what_an_unusable_recipe_would_have_given_is_not_called_missing(self, root: Root) -> None:
        bare = changed(with_recipe("gone"), "  optimiser: {name: sgd, lr: 0.1}\n", "")
        assert "no recipe is called 'gone'" in root.the_problem(bare).message

    @pytest.mark.parametrize(
        "name",
        [
            "../other/recipes/x", "/etc/passwd", "..", "a/b", "a.yaml", "A", "''", "~root", "a b", "é", "-a", "a" * 101,
        ],
    )  # fmt: skip
    def test_a_name_that_is_a_path_or_odd(self, root: Root, name: str) -> None:
        root.write("other/recipes/x.yaml", "batch: 2")
        problem = root.the_problem(with_recipe(name))
        assert place(problem) == ("c.yaml", 4, 9)
        assert "is not a recipe's name" in problem.message

    def test_a_name_with_a_character_that_controls_a_terminal(self, root: Root) -> None:
        problems = root.problems(with_recipe('"x\\0y"'))
        assert {place(each) for each in problems} == {("c.yaml", 4, 9)}
        assert r"'x\x00y' is not a recipe's name" in problems[0].message
        assert "expected none that controls a terminal" in problems[1].message

    def test_a_link_out_of_the_root(self, root: Root, tmp_path: Path) -> None:
        (tmp_path / "outside.yaml").write_text("batch: 2")
        (root.path / "paper" / "recipes").mkdir(parents=True)
        (root.path / "paper" / "recipes" / "base.yaml").symlink_to(tmp_path / "outside.yaml")
        problem = root.the_problem(CLAIM)
        assert place(problem) == ("c.yaml", 4, 9)
        assert "leads outside the claims root" in problem.message

    def test_a_folder_of_recipes_linked_from_outside(self, root: Root, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "base.yaml").write_text("batch: 2")
        (root.path / "paper" / "recipes").symlink_to(tmp_path / "outside")
        assert "leads outside" in root.the_problem(CLAIM).message

    def test_a_link_within_the_root_is_fine(self, root: Root) -> None:
        target = root.write("other/recipes/x.yaml", "batch: 3")
        (root.path / "paper" / "recipes").mkdir(parents=True)
        (root.path / "paper" / "recipes" / "base.yaml").symlink_to(target)
        assert batch(root) == 3

    def test_a_loop_of_links_and_a_folder(self, root: Root) -> None:
        (root.path / "paper" / "recipes" / "base.yaml").mkdir(parents=True)
        assert root.the_problem(CLAIM).hint is None
        loop = root.path / "paper" / "recipes" / "loop.yaml"
        loop.symlink_to(loop)
        assert "no recipe is called 'loop'" in root.the_problem(with_recipe("loop")).message

    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_a_cycle_is_one_problem_where_it_closes(self, root: Root, length: int) -> None:
        names = ["base", "b", "c"][:length]
        for name, following in zip(names, [*names[1:], "base"], strict=True):
            root.recipe(name, f"batch: 2\ninclude: [{following}]")
        problem = root.the_problem(CLAIM)
        assert place(problem) == (f"{names[-1]}.yaml", 2, 11)
        assert problem.message.endswith(": " + " → ".join([*names, "base"]))

    def test_a_long_chain(self, root: Root) -> None:
        for index in range(2000):
            root.recipe(f"r{index}", f"include: r{index + 1}")
        assert "more than 20 deep" in root.the_problem(with_recipe("r0")).message

    @pytest.mark.parametrize(
        ("text", "line", "column", "words"),
        [
            ("batch: 2\n\nepocs: 3\n", 3, 1, "unknown key 'epocs'"),
            ("batch: 2\nbatch: 3\n", 2, 1, "duplicate key 'batch'"),
            ("optimiser:\n  name: sgd\n  lr: -1\n", 3, 3, "'lr' is the number -1"),
            ("model: {name: micronte}\n", 1, 9, "no model is called 'micronte'"),
            ("data: {name: [digits]}", 1, 8, "'name' is a list"),
            ("include: 5", 1, 1, "'include' is the number 5"),
            ("include: [gone]", 1, 11, "no recipe is called 'gone'"),
            ("", 1, 1, "empty"),
            ("batch: [\n", 2, 1, "not valid YAML"),
            ("[batch]", 1, 1, "found a list"),
            ("claim: x", 1, 1, "unknown key 'claim'"),
            ("arms: {}", 1, 1, "unknown key 'arms'"),
            ("recipe: other", 1, 1, "unknown key 'recipe'"),
        ],
    )
    def test_a_broken_recipe_is_reported_in_its_own_file_once(
        self, root: Root, text: str, line: int, column: int, words: str
    ) -> None:
        root.recipe("base", text)
        claim = changed(CLAIM, "  smoke:\n", "  short: {data: digits, epochs: 3}\n  smoke:\n")
        if "model" in text:  # else the claim's own key would win
            claim = changed(claim, "  model: micronet\n", "")
        problem = root.the_problem(claim)
        assert place(problem) == ("base.yaml", line, column)
        assert words in problem.message

    def test_every_claim_that_uses_a_broken_recipe_is_told(self, root: Root) -> None:
        root.recipe("base", "epocs: 3")
        shared = Recipes(root.path)
        for name in ("c1", "c2"):
            with pytest.raises(ClaimFileError, match=r"base.yaml:1:1: unknown key 'epocs'"):
                load_claim(root.write(f"paper/{name}.yaml", CLAIM), shared)

    def test_a_recipe_for_another_kind_of_claim(self, root: Root) -> None:
        root.recipe("base", "input: [1, 3, 8, 8]")
        assert "unknown key 'input'" in root.the_problem(CLAIM).message
