"""Claims as pytest items: collection, selection, colours, and what runs how often."""

from __future__ import annotations

import sqlite3
import sys

import pytest

from edgebench.run.store import Store
from tests import roots
from tests.pytest_root import Root

TIER = "no tier is called 'smokey'; expected one of smoke, short, paper (did you mean 'smoke'?)"


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
        (("--trial-executor", "rya"), "no executor is called 'rya'; expected one of local, ray (did you mean 'ray'?)"),
        (("--ray-address", "auto"), "a Ray address without Ray; expected the executor ray"),
        (("--trial-executor", "ray", "-n", "2"), "--trial-executor ray with -n: Ray distributes the trials"),
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


def test_the_cheapest_claim_comes_first_and_other_tests_keep_their_places(root: Root) -> None:
    """Nothing is known of either, and the trained one has more trials to its verdict."""
    root.write(a_trained=roots.TRAINED, formula=roots.FORMULA)
    root.pytester.makepyfile(test_other="def test_first():\n    pass\n")
    result = root.pytester.runpytest_inprocess("-v", "-p", "no:cacheprovider", "test_other.py", "claims")
    seen = [line.split(" ")[0] for line in result.outlines if "::" in line and "%]" in line]
    assert seen == [
        "test_other.py::test_first", "claims/demo/formula.yaml::exact", "claims/demo/a-trained.yaml::gain"
    ]  # fmt: skip
    again = root.run("--collect-only", "-q")
    assert [line for line in again.outlines if "::" in line] == [
        "claims/demo/a-trained.yaml::gain", "claims/demo/formula.yaml::exact"
    ]  # fmt: skip


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
    ((command, tier, ended),) = db.execute("SELECT command, tier, ended FROM run").fetchall()
    assert command.startswith("pytest ")
    assert command.endswith(" -n 2 -p no:cacheprovider claims"), "one run, however many wrote it"
    assert tier == "smoke"
    assert ended is not None
    assert db.execute("SELECT count(*), count(DISTINCT claim || item) FROM result").fetchone() == (4, 4)
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
