"""`edgebench run` on a terminal: live where it can be, plain lines where it cannot, never wider than the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from edgebench.cli import options
from tests import roots

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(folder: Path, columns: int, **environment: str) -> tuple[int, str]:
    """Run the command line on a terminal of its own; returns its status and all that was written there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    kept = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "TERM", "CI")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "edgebench", "run"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env={**kept, **environment}, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the last process has left the terminal
            break
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(timeout=120), written.decode()


def test_terminals(tmp_path: Path) -> None:
    roots.write(tmp_path / "claims", formula=roots.FORMULA)
    status, live = on_terminal(tmp_path, 60, TERM="xterm-256color")
    assert status == options.NOT_AS_RECORDED
    assert CONTROL.search(live), "what is live is drawn again in its place"
    assert "0 of 1 trials" in CONTROL.sub("", live)
    assert "property cosine-schedule" in CONTROL.sub("", live)
    for environment in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}):
        status, plain = on_terminal(tmp_path, 60, **environment)
        assert status == options.NOT_AS_RECORDED
        assert plain.replace("\r\n", "").isprintable()
        assert max(map(len, plain.splitlines())) <= 60
        assert "demo/formula\r\n  exact: reproduced\r\n" in plain
