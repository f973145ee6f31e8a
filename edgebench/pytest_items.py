"""What pytest collects from claims: a file, its effects as items, and a failing item in the place of a broken file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgebench.errors import EdgebenchError

if TYPE_CHECKING:
    from edgebench.claim.claim import Case, Claim, Effect
    from edgebench.claim.problems import ClaimFileError
    from edgebench.pytest_plugin import Claims

RESULT = "edgebench"  # the user property that carries an item's result, as JSON


class RedClaim(Exception):
    """Raised by an item that is not as recorded; carries the text to show."""


class ClaimFile(pytest.File):
    """A claim file: yields its items, or a single failing one when it is broken."""

    claims: Claims

    def __init__(self, *, claims: Claims, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.claims = claims

    def collect(self) -> Iterator[pytest.Item]:
        from edgebench.claim.catalogue import paper_of
        from edgebench.claim.claim import item_key
        from edgebench.claim.loader import load_claim
        from edgebench.claim.problems import ClaimFileError
        from edgebench.claim.recipes import Recipes

        folder, root = self.path.parent, self.path.parent.parent
        if folder not in self.claims.papers:
            self.claims.papers.add(folder)
            try:
                paper_of(folder)
            except ClaimFileError as error:
                yield BrokenItem.from_parent(self, name="paper", error=error)
        recipes = self.claims.recipes.setdefault(root, Recipes(root))
        try:
            claim = load_claim(self.path, recipes)
        except ClaimFileError as error:
            yield BrokenItem.from_parent(self, name="broken", error=error)
            return
        for case in claim.cases:
            for effect in case.effects.values():
                name = item_key(effect.key, case.id)
                item = EffectItem.from_parent(self, name=name, claim=claim, case=case, effect=effect)
                for marker in (claim.paper, *claim.tags, *case.tiers):
                    # `-m` takes a name as it stands in the file; with underscores it is also a Python name.
                    for name in dict.fromkeys((marker, marker.replace("-", "_"))):
                        self._mark(item, name)
                yield item

    def _mark(self, item: pytest.Item, name: str) -> None:
        if name not in self.claims.markers:
            self.claims.markers.add(name)
            self.config.addinivalue_line("markers", f"{name}: claims of this paper, tag or tier")
        item.add_marker(name)


class EffectItem(pytest.Item):
    """One effect of one case of a claim."""

    parent: ClaimFile

    def __init__(self, *, claim: Claim, case: Case, effect: Effect, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.claim = claim
        self.case = case
        self.effect = effect

    def runtest(self) -> None:
        from edgebench.report.junit import properties
        from edgebench.report.tables import failure

        result = self.parent.claims.run(self)
        self.user_properties += properties(result)
        self.user_properties.append((RESULT, json.dumps(result.to_json())))
        if result.verdict == "pending":
            pytest.skip("; ".join(result.said))
        if not result.green:
            raise RedClaim(failure(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RedClaim | EdgebenchError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.effect.mark.line - 1, f"{self.claim.id}::{self.name}"


class BrokenItem(pytest.Item):
    """Stands for a claim file that cannot be used; fails with its problems."""

    def __init__(self, *, error: ClaimFileError, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    def runtest(self) -> None:
        raise self.error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from edgebench.claim.excerpt import pointed

        if excinfo.value is self.error:
            return pointed(self.error)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.error.problems[0].mark.line - 1, f"{self.path.parent.name}/{self.path.stem}"
