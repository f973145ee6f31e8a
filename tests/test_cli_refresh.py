"""`baseline refresh` and `baseline diff --markdown`: what moved is renewed, and every other byte stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgebench.cli import options
from edgebench.judge import baseline_file as baselines
from tests import roots
from tests.shell import Shell


def recorded(shell: Shell) -> Path:
    """A root of three claims, all recorded by somebody, the file of one of them with comments of a reviewer."""
    shell.write(blocks=roots.BLOCKS, formula=roots.FORMULA)
    assert shell("baseline", "record", "--why", "first run", "--by", "A. Nobody") == 0
    path = shell.baseline("blocks")
    text = path.read_text()
    text = re.sub(
        r"reason: .*\n", "reason: activations have no parameters  # checked by hand\n", text, count=1
    )
    path.write_text("# reviewed\n" + text)
    return path


def moved(path: Path, was: str = "value: 128\n") -> str:
    """Let one item of the file have been recorded with another value; returns the text."""
    text = path.read_text()
    assert was in text, text
    changed = text.replace(was, "value: 127\n", 1).replace("seeds: [128]", "seeds: [127]", 1)
    path.write_text(changed)
    return changed


def test_what_moved_is_renewed_and_every_other_byte_stays(shell: Shell) -> None:
    path = recorded(shell)
    before = moved(path)
    formula = shell.baseline("formula")
    untouched = (formula.read_bytes(), formula.stat().st_mtime_ns)
    assert shell("baseline", "refresh", "--why", "a kernel is counted right", "--by", "B. Somebody") == 0
    assert shell.out == (
        "demo/blocks::params[conv]: reproduced, 127, exact → reproduced, 128, exact\n"
        "1 item recorded anew; every other one is as it was\n"
    )
    assert (formula.read_bytes(), formula.stat().st_mtime_ns) == untouched
    after = path.read_text()
    one, other = before.splitlines(), after.splitlines()
    gone, new = [line for line in one if line not in other], [line for line in other if line not in one]
    assert gone == ["  by: A. Nobody", "  why: first run", "    value: 127", "    seeds: [127]"]
    assert new[:2] == ["  by: B. Somebody", "  why: a kernel is counted right"]
    assert "# reviewed" in after
    assert "# checked by hand" in after
    stored = baselines.load(path).effects["params[conv]"]
    assert stored.first is not None
    assert (stored.value, stored.first.value) == (128, 127), "the line goes on"
    assert shell("run") == 0
    assert shell("baseline", "refresh", "--why", "again") == 0
    assert shell.out == "0 items recorded anew; every other one is as it was\n"
    assert path.read_text() == after


def test_on_another_machine_the_whole_file_is_renewed(shell: Shell) -> None:
    path = recorded(shell)
    moved(path)
    text = path.read_text()
    path.write_text(re.sub(r"torch: .*\n", "torch: '1.0'\n", text))
    assert shell("baseline", "refresh", "--why", "another machine") == 0
    assert "4 items recorded anew" in shell.out
    found = baselines.load(path)
    assert found.environment["torch"] != "1.0"
    assert found.effects["params[relu]"].reason == "activations have no parameters", "written by hand, kept"
    assert shell("run") == 0


def test_what_was_and_what_is_for_a_pull_request(shell: Shell) -> None:
    path = recorded(shell)
    moved(path)
    assert shell("baseline", "diff", "--markdown") == options.NOT_AS_RECORDED
    assert shell.out.startswith("## Not as recorded at tier smoke: 1 item\n\n| item | verdict was |")
    item = "<code>demo/blocks::params&#91;conv&#93;</code>"
    row = f"| {item} | reproduced | 127, exact | reproduced | 128, exact | +1 (± 0) |"
    assert row in shell.out
    assert "- was recorded by A. Nobody, " in shell.out
    assert "| was | 127 |\n| is | 128 |" in shell.out
    assert shell("baseline", "refresh", "--why", "counted | right", "--by", "B", "--markdown") == 0
    assert shell.out.startswith("## Baselines renewed at tier smoke: 1 item\n\nBy B, ")
    assert "**Why:** counted &#124; right" in shell.out
    assert row in shell.out
    assert shell("baseline", "diff", "--markdown") == 0
    assert shell.out == "Nothing moved at tier smoke: every baseline is as it was.\n"


def test_what_has_no_baseline_is_left_to_record(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("baseline", "refresh", "--why", "so") == 0
    assert not shell.baseline("formula").exists()
    assert shell("baseline", "refresh", "--why", " ") == options.USAGE
    assert shell("baseline", "diff", "--markdown") == options.NOT_AS_RECORDED
    assert "there is no baseline at tier smoke yet" in shell.err


@pytest.mark.parametrize(
    "layout", ["effects: {exact: {verdict: reproduced, value: 1, seeds: [1], tolerance: 0}}\n"]
)
def test_another_layout_is_refused_and_not_touched(shell: Shell, layout: str) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("baseline", "record", "--why", "so") == 0
    path = shell.baseline("formula")
    text = path.read_text().partition("effects:\n")[0] + layout
    path.write_text(text)
    assert shell("baseline", "refresh", "--why", "so") == options.FAILED
    assert shell.err.startswith(
        "edgebench: baselines/smoke/demo/formula.yaml: its keys do not stand on lines"
    )
    assert path.read_text() == text
