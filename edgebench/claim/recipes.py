"""Recipes: reusable settings that arms start from, found by name inside the claims root.

`recipe: tiny` means `claims/<paper>/recipes/tiny.yaml`, else `claims/recipes/tiny.yaml`, shared by all papers. A
recipe may include others. Of everything that is included the nearest key wins: a file's own keys over those it
includes, later includes over earlier ones.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from edgebench.claim.models import recipe_model
from edgebench.claim.nodes import Node, overlay, read_file
from edgebench.claim.problems import ClaimFileError, Mark, Problem, display_path
from edgebench.claim.settings import SETTINGS, Kind
from edgebench.claim.validation import validate
from edgebench.errors import did_you_mean

MAX_CHAIN = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}\Z")


@dataclass(frozen=True)
class _Resolved:
    """A recipe merged with all that it includes, and every problem met on the way."""

    node: Node | None
    problems: tuple[Problem, ...]


class Recipes:
    """Loads and merges recipes for the claims of one root; every recipe is read and merged once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._resolved: dict[tuple[Path, Kind, Path], _Resolved] = {}
        self._paths: dict[tuple[str, Path], Path] = {}

    @property
    def used(self) -> frozenset[Path]:
        """The files of all recipes that were asked for so far, and of those that they include."""
        return frozenset(path for path, _, _ in self._resolved)

    def resolve(self, names: Node, kind: Kind, paper: Path, problems: list[Problem]) -> Node | None:
        """Merge the recipes that `names` (a name or a list of names) lists, later ones nearer.

        Problems found are appended to `problems`; what could be merged is returned.
        """
        return self._merge(names, kind, paper, (), problems)

    def broken_unused(self, paper: Path) -> dict[Path, ClaimFileError]:
        """Recipes that a paper's claims could use, that none did so far, and that are valid for no kind of claim."""
        broken = {}
        for path in sorted({*paper.glob("recipes/*.yaml"), *self.root.glob("recipes/*.yaml")} - self.used):
            name = Node(path.stem, Mark(str(path), 1, 1))
            by_kind: list[list[Problem]] = []
            for kind in SETTINGS:
                by_kind.append([])
                self._load(name, kind, paper, (), by_kind[-1])
            if all(by_kind):
                # The kind that it fits best is most likely the one that is meant.
                broken[path] = ClaimFileError(min(by_kind, key=len))
        return broken

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
        path = self._find(name.value, name.mark, paper, problems)
        if path is None:
            return None
        if path in chain:
            cycle = " → ".join(each.stem for each in (*chain[chain.index(path) :], path))
            problems.append(Problem(name.mark, f"recipes include each other in a cycle: {cycle}"))
            return None
        if len(chain) >= MAX_CHAIN:
            problems.append(Problem(name.mark, f"recipes include each other more than {MAX_CHAIN} deep"))
            return None
        # Merged once however many recipes share it, or a lattice of includes would take exponential time.
        key = (path, kind, paper)
        if key not in self._resolved:
            found: list[Problem] = []
            node = self._read(path, kind, paper, chain, found)
            self._resolved[key] = _Resolved(node, tuple(dict.fromkeys(found)))
        problems.extend(self._resolved[key].problems)
        return self._resolved[key].node

    def _read(
        self, path: Path, kind: Kind, paper: Path, chain: tuple[Path, ...], problems: list[Problem]
    ) -> Node | None:
        try:
            node = read_file(path, problems)
        except ClaimFileError as error:
            problems.extend(error.problems)
            return None
        valid = validate(recipe_model(kind), node, problems) is not None
        included = None
        if (include := node.get("include")) is not None:
            included = self._merge(include, kind, paper, (*chain, path), problems)
        return overlay(included, node.without("include", "note")) if valid else None

    def _find(self, name: str, mark: Mark, paper: Path, problems: list[Problem]) -> Path | None:
        if (name, paper) in self._paths:
            return self._paths[name, paper]
        if not _NAME.match(name):
            expected = "lower-case letters, digits and hyphens"
            message = f"'{name[:80]}' is not a recipe's name; expected {expected}"
            hint = "recipes live in claims/<paper>/recipes/ or claims/recipes/, nowhere else"
            problems.append(Problem(mark, message, hint))
            return None
        folders = (paper / "recipes", self.root / "recipes")
        for folder in folders:
            path = folder / f"{name}.yaml"
            if path.is_file():
                if not lies_inside(path, self.root):
                    target = os.path.realpath(path)
                    message = f"recipe '{name}' leads outside the claims root ({target})"
                    problems.append(Problem(mark, message))
                    return None
                self._paths[name, paper] = path
                return path
        known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml") if path.is_file()})
        places = " or ".join(display_path(folder) for folder in folders)
        message = f"no recipe is called '{name}' in {places}"
        problems.append(Problem(mark, message, did_you_mean(name, known)))
        return None


def lies_inside(path: Path, root: Path) -> bool:
    """Whether the path, symbolic links followed, lies inside the root."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
