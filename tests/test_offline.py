"""No command opens a network connection unless a download was asked for: watched in all of its processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import roots

TOP = Path(__file__).parent.parent

# In every process of a command: the network is not there, and who reached for it is noted. Sockets between processes of
# one machine have paths for addresses, never pairs of host and port.
WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname") or (
        event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple)
    ):
        with open(os.environ["REACHED"], "a") as file:
            file.write(f"{sys.argv} {event} {arguments[1:]}\\n")
        raise OSError("there is no network")

sys.addaudithook(watch)
"""
ALL = """
import sys
from edgebench import cli

for words in COMMANDS:
    sys.argv = ["edgebench", *words]
    try:
        cli.main()
    except SystemExit as left:
        print(words[0], left.code)
"""


def reached(folder: Path, commands: list[list[str]]) -> tuple[list[str], str]:
    """What was reached for, and what was printed."""
    (folder / "sitecustomize.py").write_text(WATCH)
    marks = folder / "reached"
    paths = os.pathsep.join([str(folder), str(TOP)])
    environment = {
        **os.environ, "PYTHONPATH": paths, "REACHED": str(marks), "EDGEBENCH_CACHE": str(folder / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    script = _indented(f"COMMANDS = {commands!r}\n{ALL}")
    # Not by `-c`: the server that workers come from reads the main module again.
    (folder / "all.py").write_text(f"if __name__ == '__main__':\n{script}")
    done = subprocess.run(
        [sys.executable, "all.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return marks.read_text().splitlines() if marks.exists() else [], done.stdout + done.stderr


def _indented(script: str) -> str:
    return "".join(f"    {line}" for line in script.splitlines(keepends=True))


def test_only_a_download_that_was_asked_for_reaches_for_the_network(tmp_path: Path) -> None:
    roots.write(tmp_path / "claims", exact=roots.FORMULA)
    commands = [
        ["validate"], ["list"], ["plan"], ["run", "-q"], ["report", "--output", "r.html"], ["history"],
        ["explain", "demo/exact"], ["export", "items.csv"],
    ]  # fmt: skip
    found, said = reached(tmp_path, commands)
    assert not found
    for name, *_ in commands:
        # Nothing is recorded, so that the run is not as recorded.
        assert f"{name} {1 if name == 'run' else 0}" in said.splitlines(), said
    found, said = reached(tmp_path, [["data", "fetch", "mnist"]])
    assert found, "the watch sees what there is to see"
    assert "data 4" in said.splitlines()
    assert "downloading 'mnist' failed" in said
