"""Folders that many processes want: one fills them, and whatever happens to it they are whole or absent."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebench.claim.settings import DataSettings
from edgebench.data import building
from edgebench.data.building import build_once
from edgebench.data.prepared import prepare
from edgebench.errors import DataError
from tests.data.test_prepared import sets
from tests.faults.recording import Observed


def test_an_unwritable_cache_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(DataError, match=r"cannot be written.*set EDGEBENCH_CACHE"):
        prepare(DataSettings(name="digits"))


def test_a_disk_that_fills_up_while_writing(cache: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a full disk, writes beyond the limit fail (Python ignores the signal that goes with it).
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(DataError, match=r"no space for the decoded images.*EDGEBENCH_CACHE"):
            prepare(DataSettings(name="digits"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sets(cache) == []
    assert prepare(DataSettings(name="digits")).shape == (1, 8, 8)


def test_what_cannot_be_read_back_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read back after it was written"):
        build_once(tmp_path / "set", lambda folder: None, lambda folder: None)


CHILD = """
import sys, time
from edgebench.claim.settings import DataSettings
from edgebench.data import prepared

def slow(path, shape, descr, chunks, sums, write=prepared._write_array):
    write(path, shape, descr, chunks, sums)
    if path.name == "train_images.npy":
        print("halfway", flush=True)
        time.sleep({pause})

prepared._write_array = slow
print(prepared.prepare(DataSettings(name="digits")).train_images.sum(), flush=True)
"""


def child(pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD.format(pause=pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


@pytest.mark.fault(
    "data",
    "a kill while images are decoded",
    "SIGKILL halfway through writing the decoded images; then asked for again",
)
def test_a_killed_builder_leaves_nothing_in_use(cache: Path, observed: Observed) -> None:
    with child(pause=60) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halfway\n"
        (leftover,) = sets(cache)
        assert ".tmp-" in leftover.name
        process.send_signal(signal.SIGKILL)
    start = time.monotonic()
    digits = prepare(DataSettings(name="digits"))
    assert time.monotonic() - start < 10
    assert sets(cache) == [digits.folder]
    observed(
        exit=process.returncode, file="gone" if not leftover.exists() else "left", again="the decoding anew"
    )


def test_processes_that_race_build_one_set(cache: Path) -> None:
    processes = [child(pause=0.3) for _ in range(3)]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    # Only one of them built it; the others waited for it.
    assert sorted(len(lines) for lines in outputs) == [1, 1, 2]
    assert {lines[-1] for lines in outputs} == {str(prepare(DataSettings(name="digits")).train_images.sum())}
    assert len(sets(cache)) == 1


def test_without_locks_the_first_to_finish_wins(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    build = building._build
    settings = DataSettings(name="digits")

    def late(*arguments: object) -> None:
        monkeypatch.setattr(building, "_build", build)
        prepare(settings)  # another process, which finishes first
        build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "_build", late)
    assert prepare(settings).shape == (1, 8, 8)
    assert len(sets(cache)) == 1
