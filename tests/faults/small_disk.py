"""What happens on a file system of a few hundred kilobytes: `python -m tests.faults.small_disk SCENARIO`, in a folder.

Started by `test_disk.py` in a mount namespace of its own, where nobody else sees what is mounted. Writes what it saw as
JSON on standard output.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import roots
from tests.faults.scripted_cli import CLAIM, Commands, verdict_of

DISK = Path("disk")
STORE = str(DISK / "store.sqlite")


def mount(*options: str) -> None:
    """Mount the disk, or mount it again with other options."""
    DISK.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", str(DISK)], check=True)


def fill() -> None:
    """Write to the disk until not a byte more fits."""
    with open(DISK / "filling", "ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def kept() -> int:
    db = sqlite3.connect(STORE)
    try:
        count: int = db.execute("SELECT count(*) FROM record").fetchone()[0]
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        db.close()
    return count


def full_run() -> dict[str, Any]:
    """The store's disk gets full in the middle of a run of 16 trials; then there is room again."""
    roots.write(Path("claims"), trained=CLAIM)
    mount("size=500k")
    commands = Commands(weight=40_000)
    said = commands("run", "--store", STORE)
    ran, left = len(commands.ran), kept()
    mount("remount", "size=64m")
    again = commands("run", "--store", STORE)
    undisturbed = commands("run", "--store", "other.sqlite")
    assert 2 <= left == ran - 1, "all but the one that could not be written"
    assert kept() == 16
    return {
        "exit": said.exit,
        "said": said.last,
        "kept": "all",
        "again": "what was missing" if len({*commands.ran}) == 16 and again.exit == 1 else "something else",
        "verdict": "the verdict of an undisturbed run"
        if verdict_of(again) == verdict_of(undisturbed)
        else "another",
    }


def replaced(path: Path, *command: str) -> dict[str, Any]:
    """A file that a command writes anew while there is no space for a byte."""
    beside = {*path.parent.iterdir(), path.parent / "filling"}
    before = path.read_bytes()
    fill()
    said = Commands()(*command)
    same = path.read_bytes() == before and beside >= {*path.parent.iterdir()}
    return {"exit": said.exit, "said": said.last, "file": "as it was" if same else "not as it was"}


def earlier(name: str) -> Path:
    """A result in a store elsewhere, and an earlier file on the disk."""
    roots.write(Path("claims"), trained=CLAIM)
    mount("size=4m")
    assert Commands()("run", "--store", "store.sqlite").exit == 1
    path = DISK / name
    path.write_text("an earlier file")
    return path


def report() -> dict[str, Any]:
    path = earlier("report.html")
    return replaced(path, "report", "--store", "store.sqlite", "--output", str(path))


def export() -> dict[str, Any]:
    path = earlier("results.json")
    return replaced(path, "export", "--store", "store.sqlite", str(path))


def baseline() -> dict[str, Any]:
    mount("size=4m")
    root = roots.write(DISK / "claims", trained=CLAIM)
    record = ("baseline", "record", "--store", "store.sqlite", "--claims", str(root), "--by", "Me", "--why")
    assert Commands()(*record, "first").exit == 0
    return replaced(DISK / "baselines" / "smoke" / "demo" / "trained.yaml", *record, "again " * 1000)


def read_only() -> dict[str, Any]:
    roots.write(Path("claims"), trained=CLAIM)
    mount("size=4m")
    commands = Commands()
    assert commands("run", "--store", STORE).exit == 1
    before = Path(STORE).read_bytes()
    mount("remount", "ro")
    commands.weight += 1
    said = commands("run", "--seeds", "9", "--store", STORE)
    assert not commands.ran
    return {
        "exit": said.exit,
        "said": said.last,
        "file": "as it was" if Path(STORE).read_bytes() == before else "?",
    }


def read_only_reading() -> dict[str, Any]:
    roots.write(Path("claims"), trained=CLAIM)
    mount("size=4m")
    commands = Commands()
    first = commands("run", "--store", STORE)
    mount("remount", "ro")
    said = commands("history", "demo/trained", "--store", STORE)
    assert first.exit == said.exit + 1
    found = said.out.count(" reproduced ")
    return {"exit": said.exit, "shows": "the history of the claim" if found else said.last}


if __name__ == "__main__":
    seen = globals()[sys.argv[1]]()
    print(json.dumps(seen))
    os._exit(0)  # nothing of it is of use any more
