"""Whose lease it is: living processes, dead ones, and later ones with the same number."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace

import pytest

from edgebench.run import owner
from edgebench.run.owner import Owner


def test_this_process_is_alive_and_survives_writing() -> None:
    this = Owner.this_process()
    assert this.pid == os.getpid()
    assert this.is_alive()
    assert this.is_local
    assert Owner.parse(str(this)) == this


def test_a_process_that_ended_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    there = replace(Owner.this_process(), pid=child.pid, started=owner._start(child.pid) or "")
    assert there.is_alive()
    child.kill()
    # Not yet waited for, it is a zombie: its number is still taken, but it will never finish a trial.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not there.is_alive()
    child.communicate()
    assert not there.is_alive()


def test_a_number_that_was_given_again_is_another_process() -> None:
    assert not replace(Owner.this_process(), started="1").is_alive()


def test_before_the_last_start_of_the_machine_nobody_is_alive() -> None:
    assert not replace(Owner.this_process(), host=f"{platform.node()}/another-boot").is_alive()


def test_another_host_counts_as_alive() -> None:
    there = replace(Owner.this_process(), host="elsewhere/boot")
    assert there.is_alive()
    assert not there.is_local


def test_without_proc_the_start_time_comes_from_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoProc:
        def __init__(self, path: str) -> None:
            pass

        def read_text(self) -> str:
            raise FileNotFoundError

    monkeypatch.setattr(owner, "Path", NoProc)
    this = Owner.this_process()
    assert this.started
    assert this.is_alive()
    assert owner._start(2**22 + 1) is None
