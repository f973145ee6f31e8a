"""Writes `docs/reliability.md` by running the tests of faults: `python -m tools.reliability [--check] [-k TEXT]`."""

from __future__ import annotations

import argparse
import difflib
import sys

import pytest

from tools.reliability.page import PAGE, TOP, Recorder, declared, render, rows_of


def main(arguments: list[str] | None = None) -> int:
    """Run the tests and write the page; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.reliability", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page would change")
    parser.add_argument("-k", metavar="TEXT", help="only tests with this; other rows stay as they are")
    given = parser.parse_args(arguments)
    files = sorted({place.partition("::")[0] for _, place in declared()})
    recorder = Recorder()
    asked = ["-q", "-m", "fault", *(["-k", given.k] if given.k else []), *files]
    if (status := pytest.main([*asked, f"--rootdir={TOP}"], plugins=[recorder])) != pytest.ExitCode.OK:
        print("a test failed: the page was not written", file=sys.stderr)
        return int(status)
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    after = render(recorder.rows, before)
    if given.check:
        difference = difflib.unified_diff(
            before.splitlines(), after.splitlines(), "committed", "observed", "", "", 0
        )
        print("\n".join(difference))
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    left = len(rows_of(after)) - len(recorder.rows)
    print(f"{PAGE.relative_to(TOP)}: {len(recorder.rows)} observed, {left} left as last seen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
