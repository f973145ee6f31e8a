"""Finding and loading all claims of a root: nothing hides anything else, quickly and without torch."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebench.claim.catalogue import Catalogue, claim_files, is_claim_file, load_catalogue
from edgebench.errors import ClaimError
from tests.claim.fixtures import PAPER, PROFILE, TRAIN, VALID, Root, changed

CLAIMS = Path(__file__).parents[2] / "claims"


def load(root: Root) -> Catalogue:
    return load_catalogue([root.path])


def names(catalogue: Catalogue) -> list[str]:
    return [claim.id for claim in catalogue.claims]


class TestWhatIsAClaimFile:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("claims/p/a.yaml", True), ("claims/p/a.yml", True), ("claims/p/paper.yaml", False),
            ("claims/p/recipes/a.yaml", False), ("claims/recipes/a.yaml", False), ("claims/a.yaml", False),
            ("claims/p/a.txt", False), ("claims/p/.a.yaml", False), ("else/p/a.yaml", False),
        ],
    )  # fmt: skip
    def test_is_told_by_its_place(self, path: str, expected: bool) -> None:
        assert is_claim_file(Path(path)) is expected

    def test_or_by_a_paper_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "paper.yaml").write_text(PAPER)
        assert is_claim_file(tmp_path / "a.yaml")


class TestLoading:
    def test_in_order_with_papers(self, root: Root) -> None:
        for name, text in VALID.items():
            root.write(f"paper/{name}.yaml", text)
        root.write("another/paper.yaml", PAPER)
        root.write("another/x.yaml", TRAIN)
        catalogue = load(root)
        expected = [
            "another/x",
            "paper/matrix",
            "paper/profile",
            "paper/property",
            "paper/train",
            "paper/trends",
        ]
        assert names(catalogue) == expected
        assert {name: paper.file.title for name, paper in catalogue.papers.items()} == {
            "another": "A paper",
            "paper": "A paper",
        }
        assert catalogue.broken == {}

    def test_a_broken_claim_hides_no_other(self, root: Root) -> None:
        root.write("paper/a.yaml", "claim: [")
        root.write("paper/b.yaml", TRAIN)
        (root.path / "paper" / "c.yaml").mkdir()
        catalogue = load(root)
        assert names(catalogue) == ["paper/b"]
        assert [path.name for path in catalogue.broken] == ["a.yaml", "c.yaml"]

    @pytest.mark.parametrize("content", ["title: x\n", None])
    def test_a_broken_paper_is_said_once_beside_its_broken_claims(
        self, root: Root, content: str | None
    ) -> None:
        if content is None:
            (root.path / "paper" / "paper.yaml").unlink()
        else:
            root.write("paper/paper.yaml", content)
        root.write("paper/a.yaml", TRAIN)
        root.write("paper/b.yaml", changed(TRAIN, "epochs: 2", "epochs: 0"))
        root.write("paper/c.yaml", PROFILE)
        catalogue = load(root)
        assert names(catalogue) == []
        assert [path.name for path in catalogue.broken] == ["paper.yaml", "b.yaml"]

    def test_a_claim_that_is_given_twice_is_loaded_once(self, root: Root) -> None:
        path = root.write("paper/a.yaml", TRAIN)
        assert names(load_catalogue([path, root.path / "paper", root.path])) == ["paper/a"]

    @pytest.mark.parametrize(
        ("folder", "given"),
        [
            (".", "paper/a.yaml"),
            ("paper", "a.yaml"),
            ("paper/recipes", "../a.yaml"),
            ("paper", "."),
            ("..", "claims"),
        ],
    )
    def test_a_relative_path_leads_to_the_same_claim(
        self, root: Root, monkeypatch: pytest.MonkeyPatch, folder: str, given: str
    ) -> None:
        root.recipe("base", "batch: 2")
        root.write("paper/a.yaml", changed(TRAIN, "settings:\n", "recipe: base\nsettings:\n"))
        monkeypatch.chdir(root.path / folder)
        assert names(load_catalogue([Path(given)])) == ["paper/a"]

    @pytest.mark.parametrize("given", ["nothing", "paper/paper.yaml", "nothing/a.yaml"])
    def test_what_is_no_claim_is_refused(self, root: Root, given: str) -> None:
        with pytest.raises(ClaimError, match="expected a claim file") as caught:
            list(claim_files([root.path / given]))
        exists = (root.path / given).exists()
        assert caught.value.found == ("there is no claim here" if exists else "no such file or folder")

    def test_a_folder_without_claims_is_empty(self, tmp_path: Path) -> None:
        assert load_catalogue([tmp_path]) == Catalogue({}, (), {})


def test_the_claims_of_this_repository_are_in_order() -> None:
    catalogue = load_catalogue([CLAIMS])
    assert not catalogue.broken, "\n".join(map(str, catalogue.broken.values()))
    assert catalogue.claims


def test_loading_imports_no_heavy_package() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom edgebench.claim.catalogue import load_catalogue\n"
        "assert load_catalogue([Path(sys.argv[1])]).claims\n"
        "print([name for name in ('torch', 'torchvision', 'scipy', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(CLAIMS)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_five_hundred_claims_are_loaded_quickly(root: Root) -> None:
    root.recipe("base", "batch: 2")
    text = changed(TRAIN, "settings:\n", "recipe: base\nsettings:\n")
    short = "  short: {data: {name: cifar10, train: 1000}, epochs: 3}\n  smoke:\n"
    text = changed(text, "  smoke:\n", short)
    for index in range(500):
        root.write(f"paper/c{index}.yaml", changed(text, "lr: 0.1", f"lr: 0.{index + 1}"))
    started = time.process_time()
    catalogue = load(root)
    seconds = time.process_time() - started
    assert len(catalogue.claims) == 500
    assert seconds < 3, f"{seconds:.2f} s"  # about 0.7 s on one core of a laptop; the rest is for a slow one


class TestUnusedRecipes:
    def test_are_checked_too(self, root: Root) -> None:
        root.write("paper/c.yaml", TRAIN)
        root.recipe("fine", "input: [1, 3, 8, 8]\n")
        assert load(root).broken == {}
        loose = root.recipe("loose", "optimizer: {name: sgd}\n")
        catalogue = load(root)
        assert len(catalogue.claims) == 1
        assert list(catalogue.broken) == [loose]
        assert "did you mean 'optimiser'?" in str(catalogue.broken[loose])
