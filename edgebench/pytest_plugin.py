"""Claims as pytest items: `pytest claims/ -k mobiletl`, one item per effect and matrix case.

Nothing of EdgeBench is imported before a claim file is met, and torch never is in this process.
"""

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
    from edgebench.claim.recipes import Recipes
    from edgebench.report.result import Baselines, Result
    from edgebench.run.harness import Options
    from edgebench.run.session import Session

_PROPERTY = "edgebench"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("edgebench", "EdgeBench claims")
    group.addoption("--tier", default="smoke", help="budget: smoke (default), short or paper")
    group.addoption(
        "--seeds", type=int, metavar="N", help="look once, at N seeds; baselines are not compared"
    )
    group.addoption("--store", type=Path, metavar="FILE", help="results (default: .edgebench/store.sqlite)")
    group.addoption("--trial-workers", type=int, metavar="N", help="trials at a time (default: one per core)")


def pytest_configure(config: pytest.Config) -> None:
    claims = _Claims(config)
    option = config.option
    if (option.tier, option.seeds, option.trial_workers) != ("smoke", None, None):
        claims.check()
    config.pluginmanager.register(claims, "edgebench-claims")


class _Claims:
    """The plugin's state for one pytest run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.recipes: dict[Path, Recipes] = {}
        self.papers: set[Path] = set()
        self.markers: set[str] = set()
        self.results: list[Result] = []
        self._options: Options | None = None
        self._session: Session | None = None
        self._baselines: Baselines | None = None

    @property
    def options(self) -> Options:
        if self._options is None:
            from edgebench.run.harness import Options

            option = self.config.getoption
            found = Options(option("--tier"), option("--seeds"), option("--store"), option("--trial-workers"))
            try:
                self._options = found.check()
            except EdgebenchError as error:
                raise pytest.UsageError(str(error)) from None
        return self._options

    def check(self) -> None:
        """Refuse wrong options before anything is collected, and before pytest-xdist starts its workers."""
        assert self.options is not None

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if file_path.suffix not in (".yaml", ".yml"):
            return None
        from edgebench.claim.catalogue import is_claim_file

        if not is_claim_file(file_path):
            return None
        return ClaimFile.from_parent(parent, path=file_path, claims=self)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out claims without the tier: they are counted as deselected, never run at a smaller one."""
        without = [
            item
            for item in items
            if isinstance(item, EffectItem) and self.options.tier_of(item.claim, item.case) is None
        ]
        if without:
            config.hook.pytest_deselected(items=without)
            gone = set(without)
            items[:] = [item for item in items if item not in gone]

    def run(self, item: EffectItem) -> Result:
        """Settle the item's case, with the cases of the items behind it filling idle workers."""
        from edgebench.report.result import Baselines, assess

        if self._session is None:
            self._session = self._open(item.session)
            self._baselines = Baselines()
        assert self._baselines is not None
        tier = self.options.tier_of(item.claim, item.case)
        assert tier is not None, "items without the tier were left out"
        judged = self._session.settle(self._session.add(item.claim, item.case, tier))[item.effect.key]
        return assess(
            item.claim, item.case, tier, judged, self._baselines, comparing=self.options.compares(item.claim)
        )

    def _open(self, session: pytest.Session) -> Session:
        from edgebench.run.harness import open_session

        shared_by = int(getattr(self.config, "workerinput", {}).get("workercount", 1))
        opened = open_session(self.options, shared_by=shared_by)
        if opened.prefetch:
            for item in session.items:
                if isinstance(item, EffectItem) and (tier := self.options.tier_of(item.claim, item.case)):
                    opened.add(item.claim, item.case, tier)
        return opened

    def pytest_sessionfinish(self) -> None:
        if self._session is not None:
            self._session.close()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and (result := _result_of(report)) is not None:
            self.results.append(result)

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Green says that nothing changed; the word says what is true of the paper."""
        if report.when != "call" or not report.passed or (result := _result_of(report)) is None:
            return None
        colour = "green" if result.verdict == "reproduced" else "yellow"
        letter = "." if result.verdict == "reproduced" else result.verdict[0]
        return "passed", letter, (result.verdict.upper(), {colour: True})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.results:
            return
        from edgebench.report.tables import claims_holding, summary, tally

        results = sorted(self.results, key=lambda result: result.claim)
        terminalreporter.section(f"claims at tier {self.options.tier}")
        terminalreporter.write_line(summary(results))
        terminalreporter.write_line("")
        terminalreporter.write_line(claims_holding(results))
        terminalreporter.write_line(tally(results))


def _result_of(report: Any) -> Result | None:
    content = dict(getattr(report, "user_properties", ())).get(_PROPERTY)
    if content is None:
        return None
    from edgebench.report.result import Result

    return Result.from_json(json.loads(content))


class RedClaim(Exception):
    """Raised by an item that is not as recorded; carries the text to show."""


class ClaimFile(pytest.File):
    """A claim file: yields its items, or a single failing one when it is broken."""

    claims: _Claims

    def __init__(self, *, claims: _Claims, **kwargs: Any) -> None:
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
        from edgebench.report.tables import failure

        result = self.parent.claims.run(self)
        self.user_properties.append((_PROPERTY, json.dumps(result.to_json())))
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
        if isinstance(excinfo.value, EdgebenchError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.error.problems[0].mark.line - 1, f"{self.path.parent.name}/{self.path.stem}"
