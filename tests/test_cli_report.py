"""`edgebench report`: one file, nothing else, from what is there."""

from __future__ import annotations

import subprocess
import sys

from edgebench.cli import options
from tests import roots
from tests.shell import Shell
from tests.test_cli import NO_TORCH


def test_before_and_after_a_run(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, trained=roots.TRAINED)
    assert shell("report", "--output", "r.html") == 0
    assert shell.out == "r.html: 3 items of 2 claims at smoke, short, paper\n"
    assert not (shell.path / ".edgebench").exists(), "a report leaves nothing behind but itself"
    assert shell("run", "-k", "formula") == options.NOT_AS_RECORDED
    assert shell("report", "--output", "r.html") == 0
    assert shell.out == "r.html: 2 items of 2 claims at smoke\n"
    page = (shell.path / "r.html").read_text(encoding="utf-8")
    assert '<span class="chip v-reproduced">reproduced</span>' in page
    assert "short left out (1 item, none run)" in page
    assert shell("report", "--output", "r.html", "-k", "trained", "--tier", "short") == 0
    assert shell.out == "r.html: 1 item of 1 claim at short\n"


def test_the_stores_records_are_left_as_they_are(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    shell("run")
    store = shell.path / ".edgebench" / "store.sqlite"
    before = store.read_bytes()
    assert shell("report", "--output", "r.html") == 0
    assert store.read_bytes() == before


def test_wrong_values_nothing_selected_and_broken_claims(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("report") == options.USAGE
    assert shell("report", "--output", "r.html", "--tier", "smokey") == options.USAGE
    assert "did you mean 'smoke'?" in shell.err
    assert shell("report", "--output", "r.html", "-k", "elsewhere") == options.NOTHING_SELECTED
    assert "no claim was selected" in shell.err
    assert not (shell.path / "r.html").exists()
    assert shell("report", "--output", "claims") == options.FAILED
    assert shell.err == "edgebench: claims: is a folder; expected a file\n"
    assert shell("report", "--output", "/proc/no/r.html") == options.FAILED
    assert shell.err.startswith("edgebench: /proc/no/r.html: cannot be written: ")
    assert shell("report", "--output", "new/folder/r.html") == 0
    assert (shell.path / "new" / "folder" / "r.html").is_file()
    shell.write(broken=roots.BROKEN)
    assert shell("report", "--output", "r.html") == options.FAILED
    assert "claims/demo/broken.yaml:5:1" in shell.err
    assert "broken.yaml:5:1" in (shell.path / "r.html").read_text(encoding="utf-8")


def test_no_torch_is_imported(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA, trained=roots.TRAINED, blocks=roots.BLOCKS)
    code = NO_TORCH.replace(
        '"torch", "torchvision", "scipy"', '"torch", "torchvision", "ray", "plotly.offline"'
    )
    command = [sys.executable, "-c", code, "report", "--output", "r.html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.endswith("loaded: [] status: 0\n")
