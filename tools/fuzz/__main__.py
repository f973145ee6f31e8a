"""Feeds readers with hostile inputs: `python -m tools.fuzz claims --count 100000 --jobs 2`.

Every input is made from the seed and its number, so that a failure is found again by `--start NUMBER --count 1`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tools.fuzz.campaign import LIMIT_SECONDS, Tally, limit_memory, minimised, parallel, quick_folder, run
from tools.fuzz.targets import TARGETS

_SHOWN = 20  # failures that are made smaller and printed; each kind of error once


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign for each target; 1 when any input failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all if none")
    parser.add_argument("--count", type=int, default=1000, help="inputs for each target")
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="stop each target after this long"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write failing inputs there")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.targets if name not in TARGETS]:
        parser.error(f"no target is called '{unknown[0]}'; there are {', '.join(TARGETS)}")
    failed = 0
    for name in given.targets or TARGETS:
        failed += len(_campaign(name, given).failures)
    return 1 if failed else 0


def _campaign(name: str, given: argparse.Namespace) -> Tally:
    began = time.monotonic()
    numbers, until = range(given.start, given.start + given.count), began + given.seconds
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=quick_folder(), prefix="fuzz-") as folder:
        limit_memory()
        target = TARGETS[name](Path(folder))
        if given.jobs > 1:
            for _, part in parallel(name, given.seed, numbers, given.jobs, until):
                tally += part
                _progress(name, tally, given.count)
        else:
            tally = run(target, given.seed, numbers, until)
        slowest, number = tally.slowest
        print(
            f"\r{name}: {tally.count} inputs, {tally.accepted} accepted, {tally.refused} refused, "
            f"{len(tally.failures)} failed; slowest {slowest:.3f} s (number {number}; limit {LIMIT_SECONDS:g} s), "
            f"on the wall {tally.wall:.2f} s; {tally.peak >> 20} MiB at most; "
            f"{time.monotonic() - began:.0f} s altogether",
            flush=True,
        )
        kinds = {failure.error[:60]: failure for failure in reversed(tally.failures)}
        for failure in list(kinds.values())[:_SHOWN]:
            small = minimised(target, failure)
            print(f"  number {small.number}: {small.error}\n    {small.data[:2000]!r}\n{small.trace}")
            if given.keep is not None:
                given.keep.mkdir(parents=True, exist_ok=True)
                (given.keep / f"{name}-{small.number}").write_bytes(small.data)
    return tally


def _progress(name: str, tally: Tally, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{name}: {tally.count} of {count}, {len(tally.failures)} failed", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
