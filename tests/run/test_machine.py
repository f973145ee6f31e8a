"""The lock that keeps processes apart: several that run trials, or one that takes times."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.run.machine import Machine

HOLD = """
import sys, time
from pathlib import Path
from edgebench.run.machine import Machine
machine = Machine(Path(sys.argv[1]))
print(machine.take(sys.argv[2]), flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_many_share_and_one_has_it_alone(store: Path) -> None:
    one, other, third = Machine(store), Machine(store), Machine(store)
    assert one.take("shared")
    assert other.take("shared")
    assert not third.take("alone")
    one.release()
    assert not third.take("alone")
    other.release()
    assert third.take("alone")
    assert not one.take("shared")
    assert not one.take("alone")
    third.release()
    assert one.take("shared")
    one.release()


def test_it_is_ours_until_it_is_given_back(store: Path) -> None:
    one, other = Machine(store), Machine(store)
    assert one.take("alone")
    assert one.take("alone")
    assert not one.take("shared"), "one use at a time"
    assert not other.take("shared")
    one.release()
    one.release()
    assert other.take("shared")
    other.release()


def test_stores_do_not_know_of_each_other(tmp_path: Path) -> None:
    one, other = Machine(tmp_path / "a.sqlite"), Machine(tmp_path / "b.sqlite")
    assert one.take("alone")
    assert other.take("alone")
    one.release()
    other.release()


@pytest.mark.parametrize("use", ["shared", "alone"])
def test_a_killed_process_holds_nothing(store: Path, use: str) -> None:
    command = [sys.executable, "-c", HOLD, str(store), use]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "True"
        machine = Machine(store)
        assert not machine.take("alone")
        process.kill()
        process.wait()
    assert machine.take("alone")
    machine.release()


def test_an_unusable_lock_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "missing" / "store.sqlite")
    with pytest.raises(StoreError, match="the lock cannot be used"):
        machine.take("shared")
