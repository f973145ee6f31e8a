"""What CONTRIBUTING.md tells a newcomer to type works as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from edgebench.claim.models import LintRule
from tests.shell import Shell

GUIDE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def commands(name: str) -> list[list[str]]:
    """The commands of a marked block, without the program's name."""
    block = GUIDE.split(f"<!-- command: {name} -->\n```bash\n")[1].split("```\n<!-- end -->")[0]
    typed = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]
    assert all(each[0] == "edgebench" for each in typed)
    return [each[1:] for each in typed]


def test_the_worked_example(shell: Shell) -> None:
    (new,) = commands("new")
    assert shell(*new) == 0, shell.err
    written = (shell.path / "claims/mobilenetv2/narrow-is-less-accurate.yaml").read_text().splitlines()
    shown = GUIDE.split("The file now says\n\n```yaml\n")[1].split("```")[0].splitlines()
    assert [line for line in shown if line.strip() != "…" and line not in written] == []
    for check in commands("check"):
        assert shell(*check) == 0, shell.err
    assert "full: model.width=1.0" in shell.out
    assert "loss: reproduced when the interval lies above 0.5 points" in shell.out


def test_every_rule_of_the_lint_is_explained() -> None:
    table = GUIDE.split("### Warnings")[1].split("###")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(LintRule.__args__)
