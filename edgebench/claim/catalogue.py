"""Finds and loads the claims of a root folder, keeping the broken ones beside the good ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgebench.claim.claim import Claim, Paper
from edgebench.claim.loader import load_claim, load_paper
from edgebench.claim.problems import ClaimFileError, Mark, Problem, display_path
from edgebench.claim.recipes import Recipes
from edgebench.errors import ClaimError

ROOT_NAME = "claims"


@dataclass(frozen=True)
class Catalogue:
    """What a root holds: papers, claims, and the files that cannot be used."""

    papers: dict[str, Paper]
    claims: tuple[Claim, ...]
    broken: dict[Path, ClaimFileError]


def is_claim_file(path: Path) -> bool:
    """Whether a path is a claim by its place: `claims/<paper>/*.yaml`, or beside a `paper.yaml`."""
    return (
        path.suffix in (".yaml", ".yml")
        and path.stem != "paper"
        and not path.name.startswith(".")  # editors' temporary files
        and ((path.parent / "paper.yaml").is_file() or path.parent.parent.name == ROOT_NAME)
        and path.parent.name != "recipes"
    )


def claim_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Every claim file at or below the given paths, absolute, sorted within each."""
    for given in paths:
        # Absolute, so that `x.yaml` and `../x.yaml` have a paper and a root above them; links are not followed.
        path = Path(os.path.abspath(given))
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*.y*ml") if is_claim_file(each))
        elif is_claim_file(path) and os.path.lexists(path):
            yield path
        else:
            raise ClaimError(
                "there is no claim here" if path.exists() else "no such file or folder",
                where=display_path(path),
                expected="a claim file <root>/<paper>/<claim>.yaml, or a folder of them",
            )


def load_catalogue(paths: Iterable[Path]) -> Catalogue:
    """Load every claim at or below the given paths; a broken file never hides the others.

    A broken `paper.yaml` is listed once; the claims of its paper are checked, and listed when they are broken too. A
    recipe that no claim uses is checked as well.
    """
    papers: dict[str, Paper] = {}
    claims: list[Claim] = []
    broken: dict[Path, ClaimFileError] = {}
    recipes: dict[Path, Recipes] = {}
    for path in dict.fromkeys(claim_files(paths)):
        folder = path.parent
        root = recipes.setdefault(folder.parent, Recipes(folder.parent))
        paper = folder / "paper.yaml"
        if folder.name not in papers and paper not in broken:
            try:
                papers[folder.name] = paper_of(folder)
            except ClaimFileError as error:
                broken[paper] = error
        try:
            claim = load_claim(path, root)
        except ClaimFileError as error:
            broken[path] = error
        else:
            if claim.paper in papers:
                claims.append(claim)
    for folder in dict.fromkeys(path.parent for path in (*broken, *(claim.path for claim in claims))):
        broken |= recipes[folder.parent].broken_unused(folder)
    return Catalogue(papers, tuple(claims), broken)


def paper_of(folder: Path) -> Paper:
    """The paper that a folder of claims is about.

    Raises:
        ClaimFileError: when its `paper.yaml` is missing or not valid.
    """
    if not (folder / "paper.yaml").is_file():
        mark = Mark(str(folder / "paper.yaml"), 1, 1)
        hint = "add it: title, authors, year, link"
        raise ClaimFileError([Problem(mark, f"the paper '{folder.name}' has no paper.yaml", hint)])
    return load_paper(folder)
