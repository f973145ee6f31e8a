"""Feeds a target many inputs, each made from its number alone, and keeps what the target must never do.

An input fails when it raises anything but an error of EdgeBench's own, when it takes longer than the limit, or when an
error about it could change what a terminal shows. Warnings count as exceptions.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from tools.fuzz.guard import Forbidden
from tools.fuzz.targets import TARGETS, Target

LIMIT_SECONDS = 1.0
HANG_SECONDS = 20  # after which an input is given up
MEMORY_BYTES = 8 << 30  # of address space: whatever asks for more gets a MemoryError, which is a failure
_MINIMISING_SECONDS = 20.0
_STEP = 500  # inputs between two looks at the clock, and in one task of a process


@dataclass(frozen=True)
class Failure:
    """An input that did what none may do."""

    target: str
    number: int
    error: str
    data: bytes
    trace: str = ""


@dataclass
class Tally:
    """What became of some inputs.

    Attributes:
        accepted, refused: how many were of use, and how many were refused with an error of EdgeBench's own.
        slowest: seconds of processor time of the slowest, and its number. Not by the clock on the wall: other
            programs may hold the processor.
        wall: seconds of the longest by that clock.
        peak: bytes of memory that the process had at most.
    """

    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, -1)
    wall: float = 0.0
    peak: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.accepted + self.refused + len(self.failures)

    def __iadd__(self, other: Tally) -> Tally:
        self.accepted += other.accepted
        self.refused += other.refused
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.wall = max(self.wall, other.wall)
        self.peak = max(self.peak, other.peak)
        self.failures += other.failures
        return self


class _Hang(BaseException):
    """An input took so long that it was given up."""


def sample(target: Target, seed: int, number: int) -> bytes:
    """The input of a number; the same wherever and whenever it is made."""
    return target.sample(Random(f"{seed} {target.name} {number}"))


def run(target: Target, seed: int, numbers: Sequence[int], until: float = float("inf")) -> Tally:
    """Feed the inputs of these numbers, until a time of the monotonic clock."""
    tally = Tally()
    for place, number in enumerate(numbers):
        if place % _STEP == 0 and time.monotonic() > until:
            break
        tally += one(target, sample(target, seed, number), number)
    tally.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return tally


def one(target: Target, data: bytes, number: int = -1) -> Tally:
    """Feed one input."""
    tally = Tally()
    began, on_wall = time.process_time(), time.perf_counter()
    error, trace = None, ""
    try:
        with warnings.catch_warnings(), _given_up_after(HANG_SECONDS):
            warnings.simplefilter("error")
            accepted = target.feed(data)
        tally.accepted, tally.refused = int(accepted), int(not accepted)
    except _Hang:
        error = f"no end after {HANG_SECONDS} s"
    except (Exception, Forbidden) as caught:
        error, trace = f"{type(caught).__name__}: {str(caught)[:300]}", traceback.format_exc(limit=-6)
    seconds = time.process_time() - began
    tally.seconds, tally.slowest, tally.wall = seconds, (seconds, number), time.perf_counter() - on_wall
    if error is None and seconds > LIMIT_SECONDS:
        error = f"took {seconds:.2f} s"
        tally.accepted = tally.refused = 0
    if error is not None:
        tally.failures.append(Failure(target.name, number, error, data, trace))
    return tally


class _given_up_after:
    """Raises `_Hang` in this process when the block takes longer."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGALRM, self._ring)
        signal.alarm(self.seconds)

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self.before)

    @staticmethod
    def _ring(number: int, frame: FrameType | None) -> None:
        raise _Hang


def parallel(
    name: str, seed: int, numbers: range, jobs: int, until: float = float("inf")
) -> Iterator[tuple[range, Tally]]:
    """The tallies of the numbers in parts, in the order in which they end, by several processes."""
    parts = [
        range(start, min(start + _STEP, numbers.stop)) for start in range(numbers.start, numbers.stop, _STEP)
    ]
    # Not forked: threads that libraries started would be missing in the children.
    with multiprocessing.get_context("spawn").Pool(jobs, _begin, (name,)) as pool:
        for part, tally in pool.imap_unordered(_part, [(seed, part, until) for part in parts]):
            if tally.count:
                yield part, tally


_target: Target


def _begin(name: str) -> None:
    global _target
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory()
    _target = TARGETS[name](Path(tempfile.mkdtemp(dir=quick_folder(), prefix="fuzz-")))


def _part(given: tuple[int, range, float]) -> tuple[range, Tally]:
    seed, part, until = given
    return part, run(_target, seed, part, until)


def limit_memory() -> None:
    """Let this process ask for so much memory and no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def quick_folder() -> str | None:
    """A folder in memory where there is one, as files are written for every input."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def minimised(target: Target, failure: Failure) -> Failure:
    """A smaller input that fails in the same way: parts are left out as long as it does."""
    kind = failure.error.partition(":")[0]
    until = time.monotonic() + _MINIMISING_SECONDS
    data, size = failure.data, max(1, len(failure.data) // 2)
    while size and time.monotonic() < until:
        start = 0
        while start < len(data) and time.monotonic() < until:
            shorter = data[:start] + data[start + size :]
            found = one(target, shorter).failures
            if found and found[0].error.partition(":")[0] == kind:
                data, failure = (
                    shorter,
                    Failure(failure.target, failure.number, found[0].error, shorter, found[0].trace),
                )
            else:
                start += size
        size //= 2
    return failure
