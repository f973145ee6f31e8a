"""`edgebench summary`: its statuses, its badge, and that it names what it cannot tell."""

from __future__ import annotations

import json

from edgebench.cli import options
from tests import roots
from tests.shell import Shell


def test_from_a_run_to_its_summary(shell: Shell) -> None:
    assert shell("summary") == options.FAILED
    shell.write(formula=roots.FORMULA)
    assert shell("baseline", "record", "--why", "so", "--by", "A. Nobody") == 0
    shell.write(absent=roots.TRAINED.replace("name: digits", "name: cifar10"))
    assert shell("run") == options.FAILED
    assert shell("summary", "--tier", "smoke", "--within", "1h", "--badge", "badge.json") == 0
    assert shell.out.startswith("## Claims at tier smoke: 1 as recorded\n")
    assert "### Data not on this machine: 1" in shell.out
    assert "demo/absent::gain</code>: the dataset 'cifar10' is not here" in shell.out
    found = json.loads((shell.path / "badge.json").read_text())
    assert (found["message"], found["color"]) == ("1 as recorded", "brightgreen")

    path = shell.baseline("formula")
    text = path.read_text().replace("verdict: reproduced", "verdict: contradicted\n    reason: no")
    path.write_text(text)
    shell("run", "-k", "formula")
    assert shell("summary") == options.NOT_AS_RECORDED
    assert "✗ FLIPPED" in shell.out
    assert shell("summary", "--tier", "short") == options.FAILED
    assert "there are no runs at tier short in this store" in shell.err
    assert shell("summary", "--badge", "/proc/no/badge.json") == options.FAILED
    assert shell("summary", "--within", "soon") == options.USAGE


def test_help_shows_an_example(shell: Shell) -> None:
    for command in (["summary"], ["baseline", "refresh"]):
        assert shell(*command, "--help") == 0
        assert f"Example: edgebench {' '.join(command)}" in " ".join(shell.out.split())
