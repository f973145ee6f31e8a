"""Who holds a lease: a process, told apart from a later one that was given the same number."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil


def _boot() -> str:
    """An identifier of this machine since it was last started (containers of one host share it)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{int(psutil.boot_time())}"


@dataclass(frozen=True)
class Owner:
    """A process on a machine.

    Attributes:
        host: host name and boot identifier.
        pid: process number.
        started: the process's start time in clock ticks since boot, so that a reused number is another owner.
    """

    host: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> Owner:
        return cls(f"{platform.node()}/{_boot()}", os.getpid(), _start(os.getpid()) or "")

    @classmethod
    def parse(cls, text: str) -> Owner:
        host, pid, started = text.rsplit(" ", 2)
        return cls(host, int(pid), started)

    @property
    def is_local(self) -> bool:
        """Whether it is (or was) a process of this machine, before or after its last start."""
        return self.host.rpartition("/")[0] == platform.node()

    def is_alive(self) -> bool:
        """Whether the process still runs. One of another host cannot be seen, and counts as alive."""
        if not self.is_local:
            return True
        return self.host.endswith(_boot()) and _start(self.pid) == self.started

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.started}"


def _start(pid: int) -> str | None:
    """The start time of a process in clock ticks since boot, or None when it does not run.

    psutil derives it from the wall clock, which may be set between two looks; /proc has the raw ticks.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except OSError:
        pass
    try:
        return f"{psutil.Process(pid).create_time():.0f}"
    except psutil.Error:
        return None
