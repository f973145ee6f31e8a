"""Runs commands in this process, with trials that end at once and weigh as much in the store as one wants."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from edgebench import cli
from edgebench.report import live
from edgebench.run.record import Measured, Status
from edgebench.run.session import Session
from edgebench.run.store import Store
from edgebench.run.trial import Trial
from tests import roots
from tests.run.scripted import Scripted

# Eight seeds of two arms.
CLAIM = roots.TRAINED.replace("looks: [2, 4]}\n      short", "looks: [8]}\n      short")


@dataclass
class Said:
    """What a command said and left with."""

    exit: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The line that says why."""
        assert "Traceback" not in self.out + self.err, self.err
        lines = [line for line in self.err.splitlines() if line.startswith(("edgebench: ", "claims/"))]
        return lines[-1] if lines else ""


@dataclass
class Commands:
    """A command line whose trials are scripted.

    Attributes:
        weight: bytes that a record takes at least.
        before: called with each trial before it ends.
        ran: (rate, seed) of the trials that were run.
    """

    weight: int = 1000
    before: Callable[[Trial], object] = lambda trial: None
    ran: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, *arguments: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        opened, argv = live.open_session, sys.argv
        live.open_session, sys.argv = self._opened, ["edgebench", *arguments]
        self.ran.clear()
        try:
            with redirect_stdout(out), redirect_stderr(err):
                cli.main()
            code: Any = 0
        except SystemExit as left:
            code = left.code
        finally:
            live.open_session, sys.argv = opened, argv
        return Said(code or 0, out.getvalue(), err.getvalue())

    def _opened(self, asked: Any, *, baseline: object = None, notify: Any = None) -> Session:
        return Session(Store(asked.store_path()), Scripted(self._measured), notify=notify)

    def _measured(self, trial: Trial) -> Measured | Status:
        self.before(trial)
        slow = '"lr":1e-06' in trial.settings_json
        self.ran.append(("slow" if slow else "plain", trial.seed))
        return Measured({"top1": 10.0 if slow else 60.0 + trial.seed / 10}, {}, bytes(self.weight))


def verdict_of(said: Said) -> str:
    """The line of the closing table that has the verdict."""
    return next(
        " ".join(line.split()) for line in said.out.splitlines() if "proxy" in line or "reproduced" in line
    )
