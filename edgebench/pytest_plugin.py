"""Claims as pytest items: `pytest claims/ -k mobiletl`, one item per effect and matrix case.

Nothing of EdgeBench is imported before a claim file is met, and torch never is in this process.
"""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgebench.errors import EdgebenchError
from edgebench.pytest_items import RESULT, ClaimFile, EffectItem

if TYPE_CHECKING:
    from edgebench.claim.recipes import Recipes
    from edgebench.report.result import Baselines, Result
    from edgebench.run.history import RunLog
    from edgebench.run.options import Options
    from edgebench.run.session import Key, Session


# The names are long where others may want the short ones: two plugins or a conftest with one name stop pytest.
_DEFAULTS = {
    "tier": "smoke",
    "seeds": None,
    "trial_workers": None,
    "time_budget": None,
    "trial_executor": "local",
    "ray_address": None,
    "ray_resource": None,
    "trial_device": "cpu",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("edgebench", "EdgeBench claims")
    group.addoption("--tier", default=_DEFAULTS["tier"], help="budget: smoke (default), short or paper")
    group.addoption(
        "--seeds", type=int, metavar="N", help="look once, at N seeds; baselines are not compared"
    )
    group.addoption("--store", type=Path, metavar="FILE", help="results (default: .edgebench/store.sqlite)")
    group.addoption("--trial-workers", type=int, metavar="N", help="trials at a time (default: one per core)")
    group.addoption(
        "--time-budget",
        metavar="TIME",
        help="stop training after this long, such as 30m; what has no verdict by then is pending (skipped)",
    )
    group.addoption(
        "--trial-executor",
        default=_DEFAULTS["trial_executor"],
        help="where trials run: local (default) or ray",
    )
    group.addoption("--ray-address", metavar="HOST", help="of the Ray cluster (default: a new one here)")
    group.addoption("--ray-resource", metavar="NAME", help="custom resource of the Ray nodes to run on")
    group.addoption(
        "--trial-device", default=_DEFAULTS["trial_device"], help="what trials run on: cpu (default) or cuda"
    )


def pytest_configure(config: pytest.Config) -> None:
    claims = Claims(config)
    if any(getattr(config.option, name) != default for name, default in _DEFAULTS.items()):
        claims.check()
    config.pluginmanager.register(claims, "edgebench-claims")


class Claims:
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
        self._log: RunLog | None = None
        self.complaint: str | None = None
        self.others_passed = False

    @property
    def options(self) -> Options:
        if self._options is None:
            from edgebench.run.options import Options, duration

            option = self.config.getoption
            try:
                self._options = Options(
                    tier=option("--tier"),
                    seeds=option("--seeds"),
                    store=option("--store"),
                    workers=option("--trial-workers"),
                    time_budget=None if (budget := option("--time-budget")) is None else duration(budget),
                    executor=option("--trial-executor"),
                    address=option("--ray-address"),
                    resource=option("--ray-resource"),
                    device=option("--trial-device"),
                ).check()
            except EdgebenchError as error:
                raise pytest.UsageError(str(error)) from None
            if self._options.executor == "ray" and self._is_shared:
                raise pytest.UsageError(
                    "--trial-executor ray with -n: Ray distributes the trials; leave -n out"
                )
        return self._options

    @property
    def _is_shared(self) -> bool:
        """Whether pytest-xdist divides this test run between processes."""
        return bool(self.config.getoption("numprocesses", None)) or hasattr(self.config, "workerinput")

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

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Put the cases that promise the most verdicts for their cost first; other tests keep their places.

        Not under pytest-xdist, whose workers must agree on the order.
        """
        claims = [(place, item) for place, item in enumerate(session.items) if isinstance(item, EffectItem)]
        if not claims or self.config.option.collectonly or self._is_shared:
            return
        try:
            opened = self._open_once(session)
            keys = {item: self._add(opened, item) for _, item in claims}
            rank = {key: number for number, key in enumerate(opened.ranked())}
        except EdgebenchError:
            return  # every item will say so
        items = sorted(keys, key=lambda item: rank[keys[item]])
        for (place, _), item in zip(claims, items, strict=True):
            session.items[place] = item

    def run(self, item: EffectItem) -> Result:
        """Settle the item's case, with the cases of the items behind it filling idle workers."""
        from edgebench.report.result import assess

        session = self._open_once(item.session)
        judged = session.settle(self._add(session, item))[item.effect.key]
        tier = self.options.tier_of(item.claim, item.case)
        assert tier is not None
        assert self._baselines is not None
        assert self._log is not None
        result = assess(
            item.claim, item.case, tier, judged, self._baselines, comparing=self.options.compares(item.claim)
        )
        self._log.add(result.to_json())
        return result

    def _add(self, session: Session, item: EffectItem) -> Key:
        tier = self.options.tier_of(item.claim, item.case)
        assert tier is not None, "items without the tier were left out"
        return session.add(item.claim, item.case, tier)

    def _open_once(self, tests: pytest.Session) -> Session:
        """The run's session; on its first call everything that it needs is opened, and all cases are added."""
        if self._session is not None:
            return self._session
        from edgebench.report.result import Baselines
        from edgebench.run.harness import open_session
        from edgebench.run.history import RunLog, new_uid

        worker = getattr(self.config, "workerinput", {})
        baselines = Baselines()
        workers = int(worker.get("workercount", 1))
        session = open_session(self.options, shared_by=workers, baseline=baselines.get)
        items = [item for item in tests.items if isinstance(item, EffectItem)]
        for item in items:
            if session.prefetch:
                self._add(session, item)
            elif (tier := self.options.tier_of(item.claim, item.case)) is not None:
                session.expect(tier)
        arguments = worker.get("mainargv", ["", *map(str, self.config.invocation_params.args)])[1:]
        self._log = RunLog(
            session.store,
            worker.get("testrunuid", new_uid()),
            command=shlex.join(["pytest", *arguments]),
            tier=self.options.tier,
            identity=session.executor.identity,
            executor=self.options.executor,
            claims=items[0].path.parent.parent,
        )
        self._baselines, self._session = baselines, session
        return session

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        judged = [result for result in self.results if result.verdict != "pending"]
        if (
            self.results
            and not judged
            and session.exitstatus == pytest.ExitCode.OK
            and not self.others_passed
        ):
            # Nothing was decided, as if nothing had been collected: that must not pass for a good night.
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        if self._session is None or self._log is None:
            return
        try:
            self._log.end()
        except EdgebenchError as error:
            self.complaint = str(error)
        finally:
            self._session.close()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call":
            return
        if (result := _result_of(report)) is not None:
            self.results.append(result)
        elif report.passed:
            self.others_passed = True

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Green says that nothing changed; the word says what is true of the paper."""
        if report.when != "call" or report.failed or (result := _result_of(report)) is None:
            return None
        if result.verdict == "pending":
            return "pending", "p", ("PENDING", {"yellow": True})
        colour = "green" if result.verdict == "reproduced" else "yellow"
        letter = "." if result.verdict == "reproduced" else result.verdict[0]
        return "passed", letter, (result.verdict.upper(), {colour: True})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.results:
            return
        from edgebench.report.closing import closing
        from edgebench.report.heatmap import heat_maps
        from edgebench.report.tables import claims_holding, tally

        results = sorted(self.results, key=lambda result: result.claim)
        terminalreporter.section(f"claims at tier {self.options.tier}")
        width = shutil.get_terminal_size().columns if terminalreporter.isatty else None
        terminalreporter.write_line(closing(results, width, everything=True))
        terminalreporter.write_line("")
        if maps := heat_maps(results, colour=terminalreporter.hasmarkup):
            terminalreporter.write_line(f"{maps}\n")
        terminalreporter.write_line(claims_holding(results))
        terminalreporter.write_line(tally(results))
        if self.complaint:
            terminalreporter.write_line(self.complaint, red=True)


def _result_of(report: Any) -> Result | None:
    content = dict(getattr(report, "user_properties", ())).get(RESULT)
    if content is None:
        return None
    from edgebench.report.result import Result

    return Result.from_json(json.loads(content))
