"""Claims as pytest items: collection, selection, colours, texts, and what runs how often."""

from __future__ import annotations

import re
import sqlite3
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

# All that the plugin imports must be there before an inner run, which forgets what it imports itself: pickles and
# compiled modules do not stand being imported twice.
from edgebench.claim.catalogue import load_catalogue
from edgebench.report import tables  # noqa: F401
from edgebench.report.recording import record_baselines
from edgebench.run.harness import Options
from edgebench.run.store import Store
from tests import roots

BROKEN = "claim: It has a mistake\nwhere: here\nkind: property\narms: {a: {}}\nefects: {}\n"
TIER = "no tier is called 'smokey'; expected one of smoke, short, paper (did you mean 'smoke'?)"


class Root:
    """A folder with claims, in which pytest runs."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.store = pytester.path / ".edgebench" / "store.sqlite"

    def write(self, **claims: str) -> None:
        roots.write(self.path / "claims", **claims)

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments, "claims")

    def record(self, *arguments: str) -> None:
        claims = load_catalogue([self.path / "claims"]).claims
        record_baselines(claims, Options(*arguments), why="a test", by="A. Nobody", say=lambda text: None)

    def baseline(self, claim: str, tier: str = "smoke") -> Path:
        return self.path / "baselines" / tier / "demo" / f"{claim}.yaml"

    def trained(self) -> list[tuple[str, float]]:
        db = sqlite3.connect(self.store)
        found = db.execute("SELECT trial, created FROM record ORDER BY created").fetchall()
        assert db.execute("SELECT count(*) FROM lease").fetchone() == (0,)
        db.close()
        return found


@pytest.fixture
def root(pytester: pytest.Pytester) -> Root:
    return Root(pytester)


def ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line and " " not in line]


def test_items_are_effects_and_cases(root: Root) -> None:
    root.write(formula=roots.FORMULA, blocks=roots.BLOCKS, trained=roots.TRAINED)
    result = root.run("--collect-only", "-q")
    assert ids(result) == [
        "claims/demo/blocks.yaml::params[relu]",
        "claims/demo/blocks.yaml::macs[relu]",
        "claims/demo/blocks.yaml::params[conv]",
        "claims/demo/blocks.yaml::macs[conv]",
        "claims/demo/formula.yaml::exact",
        "claims/demo/trained.yaml::gain",
    ]
    assert not root.store.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-k", "conv"), ["blocks.yaml::params[conv]", "blocks.yaml::macs[conv]"]),
        (("-k", "formula or gain"), ["formula.yaml::exact", "trained.yaml::gain"]),
        (("-m", "memory and demo", "-k", "relu and params"), ["blocks.yaml::params[relu]"]),
        (("-m", "on-device"), ["trained.yaml::gain"]),
        (("-m", "on_device"), ["trained.yaml::gain"]),
        (("-m", "short"), ["trained.yaml::gain"]),
        (("-m", "smoke and not memory"), ["formula.yaml::exact", "trained.yaml::gain"]),
        (("--tier", "short"), ["trained.yaml::gain"]),
        (("--tier", "paper"), []),
    ],
)
def test_selection(root: Root, options: tuple[str, ...], expected: list[str]) -> None:
    root.write(formula=roots.FORMULA, blocks=roots.BLOCKS, trained=roots.TRAINED)
    result = root.run("--collect-only", "-q", "--strict-markers", *options)
    assert ids(result) == [f"claims/demo/{each}" for each in expected]
    result.stdout.no_fnmatch_line("*Warning*")


def test_one_item_by_its_id(root: Root, pytester: pytest.Pytester) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    result = pytester.runpytest_inprocess("-v", "claims/demo/blocks.yaml::params[conv]")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["claims/demo/blocks.yaml::params?conv? REPRODUCED*"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tier", "smokey"), TIER),
        (("--seeds", "1"), "--seeds 1; expected at least 2"),
        (("--trial-workers", "0"), "0 workers; expected at least 1"),
    ],
)  # fmt: skip
def test_wrong_options_are_one_line(root: Root, options: tuple[str, ...], message: str) -> None:
    root.write(formula=roots.FORMULA)
    result = root.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == [
        line for line in result.errlines if line.startswith(f"ERROR: {message}")
    ]
    assert result.outlines == []


def test_a_broken_file_is_one_failing_item(root: Root) -> None:
    root.write(broken=BROKEN, formula=roots.FORMULA)
    root.record()
    result = root.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["claims/demo/broken.yaml:5:1: *efects*did you mean 'effects'*"])
    text = result.stdout.str()
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text


@pytest.mark.parametrize("content", [None, "title: Alone\n"])
def test_a_broken_paper_is_one_failing_item(root: Root, content: str | None) -> None:
    root.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    root.record()
    paper = root.path / "claims" / "demo" / "paper.yaml"
    paper.unlink()
    if content is not None:
        paper.write_text(content, encoding="utf-8")
    result = root.run()
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["claims/demo/paper.yaml:1:1: *"])
    assert "Traceback" not in result.stdout.str()


def test_without_a_baseline_it_is_red_and_says_how_to_record_one(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    result = root.run("-k", "conv and params")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert re.search(
        r"no baseline: demo/blocks::params\[conv\] at tier smoke\nclaims/demo/blocks\.yaml:\d+:\d+\n", text
    )
    assert 'edgebench baseline record demo/blocks --tier smoke --why "…"' in " ".join(text.split()).replace(
        "- ", ""
    )
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text
    for row in ("published  128 *", "baseline   –*", "measured   128 *exact*"):
        result.stdout.fnmatch_lines([row])


def test_contradicted_as_recorded_is_green_and_visibly_contradicted(root: Root) -> None:
    """relu has no parameters, so 'a larger one has more' is false of it; the baseline says so."""
    root.write(blocks=roots.BLOCKS)
    root.record()
    result = root.run("-v")
    assert result.ret == 0
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "claims/demo/blocks.yaml::params?relu? CONTRADICTED*",
            "claims/demo/blocks.yaml::params?conv? REPRODUCED*",
            "demo/blocks*params?relu?*128*0*contradicted (negligible)*✓ as recorded*",
            "2 reproduced, 2 contradicted; all as recorded; nothing had to be run",
        ]
    )
    result = root.run()
    assert "cc.." in result.stdout.str()


def flipped(text: str) -> str:
    """The baseline with the other verdict of `params[conv]`, by hand."""
    before, after = text.split("params[conv]:", 1)
    assert "verdict: reproduced" in after
    return before + "params[conv]:" + after.replace(
        "verdict: reproduced", "verdict: contradicted\n    reason: somebody thought so", 1
    )  # fmt: skip


def test_a_flip_is_red_with_published_baseline_and_measured(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    path = root.baseline("blocks")
    path.write_text(flipped(path.read_text(encoding="utf-8")), encoding="utf-8")
    result = root.run()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "published * 128 *",
            "baseline * 128 *contradicted*",
            "measured * 128 *reproduced*✗ FLIPPED*",
            "- the verdict was contradicted and is now reproduced*",
            "demo/blocks*",
            "*params?conv?*✗ FLIPPED*",
            "*; 1 not as recorded; nothing had to be run",
        ]
    )


def test_drift_beyond_the_tolerance_is_red(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    path = root.baseline("blocks")
    text = path.read_text(encoding="utf-8")
    assert text.count("value: 128") == 1
    path.write_text(text.replace("value: 128", "value: 127"), encoding="utf-8")
    result = root.run("-k", "conv and params")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["measured * 128 *✗ DRIFTED*", "- the value was 127 and is now 128*it should be exact*"]
    )
    # A tolerance wider than the seeds give is no way out.
    path.write_text(
        text.replace("value: 128", "value: 127").replace("tolerance: 0", "tolerance: 1"), encoding="utf-8"
    )
    result = root.run("-k", "conv and params")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*tolerance of 0*"])


def test_an_unreadable_baseline_is_red_and_says_where(root: Root) -> None:
    root.write(formula=roots.FORMULA)
    root.record()
    root.baseline("formula").write_text("claim: [", encoding="utf-8")
    result = root.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["- *baselines/smoke/demo/formula.yaml:*"])
    assert "Traceback" not in result.stdout.str()


def test_trained_claims_and_other_seeds(root: Root) -> None:
    """One fork server: record, compare, then look once at another number of seeds, which only trains the new ones."""
    root.write(trained=roots.TRAINED)
    root.record()
    before = root.trained()
    result = root.run("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*reproduced · proxy*✓ as recorded*", "*; nothing had to be run"])
    result = root.run("-v", "--seeds", "3")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*reproduced · proxy*– not compared*", "*; baselines not compared"])
    after = root.trained()
    assert after[: len(before)] == before
    assert len(after) == max(len(before), 6)


def test_failed_trials_are_red_without_a_traceback(root: Root) -> None:
    root.write(
        trained=roots.TRAINED.replace("looks: [2, 4]}", "timeout: 0.001}"),
        missing=roots.TRAINED.replace("name: digits", "name: cifar10"),
    )
    result = root.run()
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "Traceback" not in text
    result.stdout.fnmatch_lines(
        [
            "*the dataset 'cifar10' is not here*",
            "*timed_out: stopped after its time limit of 0.001 s*",
            "2 failed; 2 not as recorded",
        ]
    )


def test_an_unusable_store_is_said_without_a_traceback(root: Root) -> None:
    root.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    (root.path / "file").write_text("in the way")
    result = root.run("--store", "file/store.sqlite")
    result.assert_outcomes(failed=5)
    text = result.stdout.str()
    assert text.count("store file/store.sqlite: cannot be opened") >= 5
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text


def test_junit_xml_tells_what_happened(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    path = root.baseline("blocks")
    path.write_text(flipped(path.read_text(encoding="utf-8")), encoding="utf-8")
    root.run("--junitxml=out.xml")
    tree = ElementTree.parse(root.path / "out.xml")
    cases = {case.get("name"): case for case in tree.iter("testcase")}
    assert set(cases) == {"params[relu]", "macs[relu]", "params[conv]", "macs[conv]"}
    failure = cases["params[conv]"].find("failure")
    assert failure is not None
    assert "FLIPPED" in (failure.text or "")
    assert cases["params[relu]"].find("failure") is None
    (stated,) = cases["params[relu]"].iter("property")
    assert '"verdict": "contradicted"' in (stated.get("value") or "")


def test_several_pytest_workers_train_nothing_twice(root: Root, pytester: pytest.Pytester) -> None:
    second = roots.TRAINED.replace(
        "gain:", "again: {value: plain.top1 - slow.top1, expect: '> 0'}\n      gain:"
    )
    root.write(one=roots.TRAINED, two=second, formula=roots.FORMULA)
    root.store.parent.mkdir()
    Store(root.store).close()
    db = sqlite3.connect(root.store)
    # A second run of a trial would replace its record; this keeps count.
    db.execute("CREATE TABLE written (trial TEXT)")
    db.execute(
        "CREATE TRIGGER count AFTER INSERT ON record BEGIN INSERT INTO written VALUES (new.trial); END"
    )
    result = pytester.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider", "claims")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        ["demo/formula*", "demo/one*", "demo/two*", "4 reproduced; 4 not as recorded*"]
    )
    written = db.execute("SELECT trial FROM written").fetchall()
    assert len(written) == len(set(written)) == 1 + 4
    assert db.execute("SELECT * FROM attempt").fetchall() == []
    assert db.execute("SELECT * FROM lease").fetchall() == []
    db.close()


LOOK = """
import sys
import pytest

class Look:
    def pytest_unconfigure(self):
        import multiprocessing.forkserver as forkserver
        print("torch:", "torch" in sys.modules, "scipy:", "scipy" in sys.modules,
              "server:", forkserver._forkserver._forkserver_pid)

sys.exit(pytest.main(sys.argv[1:], plugins=[Look()]))
"""


def looked(root: Root, *arguments: str) -> pytest.RunResult:
    (root.path / "look.py").write_text(LOOK)
    return root.pytester.run(sys.executable, "look.py", "-p", "no:cacheprovider", *arguments, "claims")


def test_collection_and_a_warm_run_import_no_torch_and_start_no_server(root: Root) -> None:
    root.write(formula=roots.FORMULA, blocks=roots.BLOCKS, trained=roots.TRAINED)
    looked(root, "--collect-only", "-q").stdout.fnmatch_lines(["torch: False scipy: False server: None"])
    root.record()
    before = root.trained()
    result = looked(root, "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*; nothing had to be run", "torch: False * server: None"])
    assert root.trained() == before
