"""The command line: every command, its exit status, and errors in words."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from edgebench import __version__
from edgebench.cli import options
from tests import roots
from tests.shell import Shell

TIER = "no tier is called 'smokey'; expected one of smoke, short, paper (did you mean 'smoke'?)"


def test_exit_statuses_are_told_apart() -> None:
    """typer's own errors of usage exit with 2, an interrupt with 130."""
    codes = [
        0, options.NOT_AS_RECORDED, options.USAGE, options.NOTHING_SELECTED, options.FAILED, options.PENDING,
        options.INTERRUPTED
    ]  # fmt: skip
    assert codes == [0, 1, 2, 3, 4, 5, 130]


def test_version_and_help(shell: Shell) -> None:
    assert shell("--version") == 0
    assert shell.out == f"edgebench {__version__}\n"
    for command in (
        "list",
        "explain",
        "new",
        "validate",
        "plan",
        "run",
        "baseline record",
        "baseline diff",
        "schema",
        "data fetch",
    ):
        assert shell(*command.split(), "--help") == 0
        assert "Example: edgebench" in " ".join(shell.out.split())


@pytest.mark.parametrize(
    "arguments", [["--no-such"], ["frobnicate"], ["run", "--seeds", "many"], ["explain"]]
)
def test_wrong_usage(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments) == options.USAGE
    assert shell.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--tier", "smokey"], TIER),
        (["run", "--seeds", "1"], "--seeds 1; expected at least 2"),
        (["run", "--workers", "0"], "0 workers; expected at least 1"),
        (["baseline", "diff", "--tier", "long"], "no tier is called 'long'"),
        (["baseline", "record", "--why", " "], "--why is empty; expected why these results may be relied on"),
    ],
)  # fmt: skip
def test_wrong_values_are_one_line(shell: Shell, arguments: list[str], message: str) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell(*arguments) == options.USAGE
    assert shell.err.startswith(f"edgebench: {message}")
    assert shell.err.count("\n") == 1
    assert not (shell.path / ".edgebench").exists()


def test_list(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, blocks=roots.BLOCKS, trained=roots.TRAINED)
    assert shell("list") == 0
    assert "demo: A demonstration (2020)" in shell.out
    lines = {line.split()[0]: line for line in shell.out.splitlines() if line.startswith("  demo/")}
    assert list(lines) == ["demo/blocks", "demo/formula", "demo/trained"]
    assert lines["demo/trained"].split()[1:5] == ["train", "smoke,", "short", "1"]
    assert lines["demo/blocks"].split()[1:4] == ["profile", "smoke", "4"]
    for word, found in (
        ("formula", ["demo/formula"]),
        ("on-device", ["demo/trained"]),
        ("macs[conv]", ["demo/blocks"]),
    ):
        assert shell("list", "-k", word) == 0
        assert [line.split()[0] for line in shell.out.splitlines() if line.startswith("  demo/")] == found
    assert shell("list", "-k", "nothing-of-the-kind", "--json") == options.NOTHING_SELECTED
    assert json.loads(shell.out)["claims"] == []


def test_explain(shell: Shell) -> None:
    shell.write(trained=roots.TRAINED, blocks=roots.BLOCKS)
    assert shell("explain", "demo/trained") == 0
    for part in (
        "A sensible learning rate learns more than a tiny one",
        "Figure 3 · train · tags: accuracy, on-device",
        "plain.top1 - slow.top1",
        "tier smoke: looks at 2, 4 seeds",
        "all arms: model.name=micronet",
        "slow: optimiser.lr=1e-06",
        "plain: optimiser.lr=0.05",
        "gain: reproduced when the interval lies above 0.5 points, contradicted when it lies below it",
        "between the two, at the last look: inconclusive",
        "what `edgebench run -k demo/trained --tier smoke` would do here",
        "trials: 0 in the store; to run: 4 up to the next looks, 8 expected, 8 at most",
        "what `edgebench run -k demo/trained --tier short` would do here",
    ):
        assert part in shell.out
    assert shell("explain", "demo/blocks") == 0
    assert "case conv" in shell.out
    assert (
        "params, macs: reproduced when the value lies above 0, contradicted when it lies below it"
        in shell.out
    )
    assert shell("explain", "demo/trained", "--tier", "short", "--seeds", "3") == 0
    assert "--tier smoke" not in shell.out
    assert "0 of 3 " in shell.out
    assert shell("explain", "demo/blocks", "--tier", "short") == options.NOTHING_SELECTED
    assert (shell.out, shell.err) == ("", "edgebench: demo/blocks has no tier short; it has smoke\n")
    assert shell("explain", "demo") == options.FAILED
    assert "that is a paper; its claims: edgebench list -k demo" in shell.err
    assert shell("explain", "demo/blocks", "--tier", "long") == options.USAGE
    assert not (shell.path / ".edgebench").exists(), "telling a claim leaves nothing behind"
    assert shell("explain", "demo/traned") == options.FAILED
    assert shell.err.startswith("edgebench: no claim is called 'demo/traned'")
    assert "did you mean 'demo/trained'?" in shell.err


def test_validate(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("validate") == 0
    assert shell.out == "1 claim in order\n"
    shell.write(broken=roots.BROKEN, trained=roots.TRAINED)
    assert shell("validate") == options.FAILED
    assert shell.out == "2 claims in order, 1 broken:\n"
    said = shell.err.splitlines()
    assert said[0].startswith("claims/demo/broken.yaml:5:1: ")
    assert said[1:] == ["  5 | efects: {}", "    | ^^^^^^"]
    assert shell("validate", "claims/demo/trained.yaml") == 0
    assert shell("validate", "claims/nowhere") == options.FAILED
    assert shell.err.startswith("edgebench: claims/nowhere: no such file or folder")
    for command in (["list"], ["run", "-k", "formula"], ["baseline", "diff", "-k", "formula"]):
        assert shell(*command) == options.FAILED, "a broken file is never passed over"
        assert "claims/demo/broken.yaml:5:1" in shell.err
    assert shell("explain", "demo/broken") == options.FAILED
    assert "claims/demo/broken.yaml:5:1" in shell.err


def test_without_claims(shell: Shell) -> None:
    for command in (
        ["list"],
        ["validate"],
        ["run"],
        ["baseline", "diff"],
        ["baseline", "record", "--why", "so"],
    ):
        assert shell(*command) == options.FAILED
        assert shell.err.startswith("edgebench: claims: no such file or folder")


def test_nothing_selected(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    (shell.path / "claims" / "empty").mkdir()
    assert shell("validate", "claims/empty") == options.NOTHING_SELECTED
    assert (shell.out, shell.err) == (
        "0 claims in order\n",
        "edgebench: no claim was selected; see `edgebench list`\n",
    )
    for command in (
        ["list", "-k", "elsewhere"],
        ["run", "-k", "elsewhere"],
        ["run", "--tier", "paper"],
        ["baseline", "diff", "--tier", "paper"],
        ["baseline", "record", "--why", "so", "--tier", "short"],
    ):
        assert shell(*command) == options.NOTHING_SELECTED
        assert "no claim was selected" in shell.err


def test_an_unusable_store(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    (shell.path / "file").write_text("in the way")
    for command in (["run"], ["baseline", "diff"], ["baseline", "record", "--why", "so"]):
        assert shell(*command, "--store", "file/store.sqlite") == options.FAILED
        assert shell.err.startswith("edgebench: store file/store.sqlite: cannot be opened")
        assert shell.err.count("\n") == 1


def test_the_store_may_be_named_by_the_environment(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    shell.monkeypatch.setenv("EDGEBENCH_STORE", str(shell.path / "elsewhere.sqlite"))
    assert shell("run") == options.NOT_AS_RECORDED
    db = sqlite3.connect(shell.path / "elsewhere.sqlite")
    assert db.execute("SELECT count(*) FROM record").fetchone() == (1,)
    db.close()
    assert not (shell.path / ".edgebench").exists()


def test_schema(shell: Shell) -> None:
    assert shell("schema") == 0
    assert json.loads(shell.out)["title"] == "EdgeBench claim"


def test_ctrl_c_is_one_sentence(shell: Shell) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    shell.write(formula=roots.FORMULA)
    shell.monkeypatch.setattr("edgebench.report.live.open_session", interrupted)
    shell.monkeypatch.setattr("edgebench.cli.running.load_catalogue", interrupted)
    assert shell("run") == options.INTERRUPTED
    assert shell.err.split("\n")[-2:] == [
        "edgebench: interrupted; finished trials are kept, the same command goes on from there",
        "",
    ]


NO_TORCH = """
import sys
from edgebench import cli
sys.argv = ["edgebench", *sys.argv[1:]]
try:
    cli.main()
except SystemExit as left:
    loaded = [name for name in ("torch", "torchvision", "scipy") if name in sys.modules]
    print("loaded:", loaded, "status:", left.code)
"""


def test_looking_at_claims_imports_no_torch(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, blocks=roots.BLOCKS, trained=roots.TRAINED)
    for arguments in (["list"], ["validate"], ["schema"]):
        done = subprocess.run(
            [sys.executable, "-c", NO_TORCH, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert done.stdout.endswith("loaded: [] status: 0\n")


def test_as_a_module(shell: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgebench", "list"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == options.FAILED
    assert done.stderr == (
        "edgebench: claims: no such file or folder; expected a claim file <root>/<paper>/<claim>.yaml, "
        "or a folder of them\n"
    )


def test_a_broken_recipe_is_said_once(shell: Shell) -> None:
    broken = roots.TRAINED.replace("settings:", "recipe: tiny\n    settings:")
    shell.write(one=broken, two=broken)
    folder = shell.path / "claims" / "demo" / "recipes"
    folder.mkdir()
    (folder / "tiny.yaml").write_text("batchh: 8\n", encoding="utf-8")
    assert shell("validate") == options.FAILED
    assert shell.err.count("unknown key 'batchh'") == 1
    assert "  1 | batchh: 8\n    | ^^^^^^\n" in shell.err
    assert "claims/demo/two.yaml:1:1: cannot be used before a problem above is solved" in shell.err


def test_validate_warns(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA.replace("where: Equation 1", "where: somewhere"))
    assert shell("validate") == 0
    assert shell.out == "1 claim in order, 1 warning:\n"
    said = shell.err.splitlines()
    assert said[0].startswith("claims/demo/formula.yaml:2:1: warning: 'where' names no part of the paper")
    assert said[1:] == ["  2 | where: somewhere", "    | ^^^^^  ~~~~~~~~~"]
    assert shell("validate", "--strict") == options.FAILED
