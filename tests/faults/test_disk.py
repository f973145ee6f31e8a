"""Disks that are full or cannot be written: real ones, of a few hundred kilobytes, in a mount namespace of the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.recording import Observed

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds; other work may keep the machine busy
TRY = "mkdir -p disk && mount -t tmpfs -o size=4m none disk"


def namespace(folder: Path) -> list[str]:
    """How to start a command that may mount file systems; skips the test where nobody lets us."""
    for prefix in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        if shutil.which("unshare") is None or (prefix[1] == "--mount" and os.geteuid() != 0):
            continue
        if (
            subprocess.run(
                [*prefix, "sh", "-c", TRY], cwd=folder, capture_output=True, check=False
            ).returncode
            == 0
        ):
            return prefix
    pytest.skip("no right to mount a file system")


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            "full_run",
            marks=pytest.mark.fault(
                "disk",
                "a full disk in the middle of a run",
                "a store on 500 kB, a run of 16 trials of 40 kB each; then space, and the same command again",
            ),
        ),
        pytest.param(
            "report",
            marks=pytest.mark.fault(
                "disk",
                "a full disk while a report is written",
                "`edgebench report` over an earlier one, no byte free",
            ),
        ),
        pytest.param(
            "export",
            marks=pytest.mark.fault(
                "disk",
                "a full disk while results are exported",
                "`edgebench export` over an earlier file, no byte free",
            ),
        ),
        pytest.param(
            "baseline",
            marks=pytest.mark.fault(
                "disk",
                "a full disk while a baseline is recorded",
                "`edgebench baseline record` once more, no byte free",
            ),
        ),
        pytest.param(
            "read_only",
            marks=pytest.mark.fault(
                "disk",
                "a store that cannot be written",
                "`edgebench run` with a store on a disk mounted read-only",
            ),
        ),
        pytest.param(
            "read_only_reading",
            marks=pytest.mark.fault(
                "disk",
                "a store that can only be read",
                "`edgebench history` of the same store on the same disk",
            ),
        ),
    ],
)
def test_a_disk_that_takes_nothing_more(scenario: str, tmp_path: Path, observed: Observed) -> None:
    command = [*namespace(tmp_path), sys.executable, "-m", "tests.faults.small_disk", scenario]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["exit"] == (0 if scenario == "read_only_reading" else 4)
    assert seen.get("file", "as it was") == "as it was"
    observed(**seen)


@pytest.mark.fault("disk", "a full disk under the output", "`edgebench list > /dev/full`")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_an_output_that_cannot_be_written(tmp_path: Path, observed: Observed) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edgebench", "list", "--claims", str(ROOT / "claims")],
            stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.startswith("edgebench: the output cannot be written: No space left on device (")
    observed(exit=done.returncode, said=done.stderr)
