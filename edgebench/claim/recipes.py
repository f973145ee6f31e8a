"""Recipes: reusable settings that arms start from, found by name inside the claims root.

`recipe: tiny` means `claims/<paper>/recipes/tiny.yaml`, else `claims/recipes/tiny.yaml`, shared by all papers. A
recipe may include others. Of everything that is included the nearest key wins: a file's own keys over those it
includes, later includes over earlier ones.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgebench.claim.models import recipe_model
from edgebench.claim.nodes import Node, overlay, read_file
from edgebench.claim.problems import ClaimFileError, Problem, display_path
from edgebench.claim.settings import Kind
from edgebench.claim.validation import validate
from edgebench.errors import did_you_mean

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z")


class Recipes:
    """Loads and merges recipes for the claims of one root; every file is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[Path, Node] = {}

    def resolve(self, names: Node, kind: Kind, paper: Path, problems: list[Problem]) -> Node | None:
        """Merge the recipes that `names` (a name or a list of names) lists, later ones nearer.

        Problems found are appended to `problems`; what could be merged is returned.
        """
        return self._merge(names, kind, paper, (), problems)

    def _merge(
        self, names: Node, kind: Kind, paper: Path, chain: tuple[Path, ...], problems: list[Problem]
    ) -> Node | None:
        merged: Node | None = None
        for name in names.value if isinstance(names.value, list) else [names]:
            if isinstance(name.value, str):
                merged = overlay(merged, self._load(name, kind, paper, chain, problems))
        return merged

    def _load(
        self, name: Node, kind: Kind, paper: Path, chain: tuple[Path, ...], problems: list[Problem]
    ) -> Node | None:
        path = self._find(name, paper, problems)
        if path is None:
            return None
        if path in chain:
            cycle = " → ".join(each.stem for each in (*chain[chain.index(path) :], path))
            problems.append(Problem(name.mark, f"recipes include each other in a cycle: {cycle}"))
            return None
        if path not in self._files:
            try:
                self._files[path] = read_file(path)
            except ClaimFileError as error:
                problems.extend(error.problems)
                return None
        node = self._files[path]
        if validate(recipe_model(kind), node, problems) is None:
            return None
        included = None
        if (include := node.get("include")) is not None:
            included = self._merge(include, kind, paper, (*chain, path), problems)
        return overlay(included, node.without("include", "note"))

    def _find(self, name: Node, paper: Path, problems: list[Problem]) -> Path | None:
        if not _NAME.match(name.value):
            problems.append(
                Problem(
                    name.mark,
                    f"'{name.value[:80]}' is not a recipe's name; expected lower-case letters, digits and hyphens",
                    "recipes live in claims/<paper>/recipes/ or claims/recipes/, nowhere else",
                )
            )
            return None
        folders = (paper / "recipes", self.root / "recipes")
        for folder in folders:
            path = folder / f"{name.value}.yaml"
            if path.is_file():
                if not path.resolve().is_relative_to(self.root.resolve()):
                    message = f"recipe '{name.value}' leads outside the claims root ({path.resolve()})"
                    problems.append(Problem(name.mark, message))
                    return None
                return path
        known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
        places = " or ".join(display_path(folder) for folder in folders)
        problems.append(
            Problem(
                name.mark, f"no recipe is called '{name.value}' in {places}", did_you_mean(name.value, known)
            )
        )
        return None
