"""Runs commands of the command line in this process."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgebench import cli
from tests import roots


@dataclass
class Shell:
    """Runs commands in this process, in a folder with claims."""

    path: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    out: str = ""
    err: str = ""

    def __call__(self, *arguments: str) -> int:
        self.monkeypatch.setattr(sys, "argv", ["edgebench", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        self.out, self.err = self.capsys.readouterr()
        assert "Traceback" not in self.out + self.err
        code = left.value.code
        return code if isinstance(code, int) else 0

    def write(self, **claims: str) -> None:
        roots.write(self.path / "claims", **claims)

    def baseline(self, claim: str) -> Path:
        return self.path / "baselines" / "smoke" / "demo" / f"{claim}.yaml"
