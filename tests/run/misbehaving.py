"""Stand-ins for trials that go wrong once they are looked at in their process."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

import psutil

from edgebench.claim.settings import PropertySettings
from edgebench.errors import SettingsError


@dataclass(frozen=True)
class Misbehaving:
    """Passes for a `Trial`; what `how` names happens when its settings are read, which only its process does."""

    how: str
    seed: int = 0
    data: None = None

    @property
    def hash(self) -> str:
        return f"{self.how} {self.seed}"

    @property
    def settings(self) -> Any:
        happens = getattr(self, f"_{self.how}", None)
        return happens() if happens else PropertySettings(name="cosine-schedule", cases=2)

    def _segfault(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def _killed(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _exit(self) -> None:
        os._exit(3)

    def _system_exit(self) -> None:
        sys.exit(0)

    def _sleep(self) -> None:
        time.sleep(600)

    def _memory(self) -> None:
        kept = []
        for _ in range(1 << 20):
            kept.append(bytearray(b"\x01") * (16 << 20))

    def _tensor(self) -> None:
        import torch

        torch.ones(1 << 40)

    def _raises(self) -> None:
        raise ZeroDivisionError("by nought")

    def _refuses(self) -> None:
        raise SettingsError("no such thing", expected="another", hint="look again")

    def _interrupted(self) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return PropertySettings(name="cosine-schedule", cases=2)

    def _threads(self) -> Any:
        import torch

        raise RuntimeError(f"threads {torch.get_num_threads()} {os.environ['OMP_NUM_THREADS']}")

    def _ray(self) -> None:
        loaded = [name for name in sys.modules if name.partition(".")[0] == "ray"]
        raise RuntimeError(f"ray in {len(loaded)} modules")

    def _grandparent(self) -> None:
        """Takes away the process that had its own fork server started: on a Ray node, the Ray worker."""
        os.kill(psutil.Process(os.getppid()).ppid(), signal.SIGKILL)
        time.sleep(600)

    def _orphan(self) -> None:
        """Says that it runs, then goes on until it is stopped."""
        print(os.getpid(), flush=True)
        time.sleep(600)
