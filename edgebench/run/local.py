"""Runs trials on this machine: one single-threaded process a trial, forked from a server that has torch loaded."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from edgebench.run import environment
from edgebench.run.executor import DEFAULT_MEMORY, DEFAULT_TIMEOUT, TOGETHER
from edgebench.run.record import Record, Status
from edgebench.run.trial import Trial
from edgebench.run.worker import work

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
_UNKNOWN_EXIT = 255  # what multiprocessing says of a process whose fork server is gone
_LEAVING = 10.0  # seconds that a process may take to end after sending its record

# One thread a process: two single-thread workers do 1.35-1.5 times the work of one two-thread worker on small
# networks. glibc is told to keep freed blocks, because handing every activation map back to the system and faulting
# it in again costs a training step about a tenth of its time.
_WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}


@dataclass
class _Running:
    trials: tuple[Trial, ...]
    process: BaseProcess
    connection: Connection
    started: float
    timeout: float
    oom_kills: int
    server: int | None  # process number of the fork server that it came from

    @property
    def deadline(self) -> float:
        return self.started + self.timeout


class LocalExecutor:
    """Runs up to `workers` trials at once, each in a process of its own.

    Args:
        workers: processes at a time.
        device: `cpu` or `cuda`, for trainings.
        fresh: every process is a new interpreter, with addresses and an order of sets of its own, and no fork.

    Raises:
        SettingsError: `cuda` where there is none.
    """

    def __init__(self, workers: int, device: str = "cpu", *, fresh: bool = False) -> None:
        self.workers = workers
        self.device = device
        self.fresh = fresh
        self.together = 1 if device == "cpu" else TOGETHER
        self.identity = environment.identity(device)
        self._running: dict[Connection, _Running] = {}
        self._unstarted: list[tuple[Trial, Record]] = []
        self._leaving: list[tuple[float, BaseProcess]] = []  # by when each is to be gone

    @property
    def free(self) -> int:
        return self.workers - len(self._running)

    @property
    def running(self) -> list[Trial]:
        return [trial for each in self._running.values() for trial in each.trials]

    def submit(
        self,
        trials: tuple[Trial, ...],
        timeout: float | None = None,
        memory: float | None = None,
        start: bytes | None = None,
    ) -> None:
        """Start a trial, or several seeds of one arm in one process (arguments as of `Executor.submit`)."""
        # A CUDA context maps more private memory than it uses; its device's own memory is the limit there.
        limit = int((memory or DEFAULT_MEMORY) * (1 << 30)) if self.device == "cpu" else None
        try:
            context = multiprocessing.get_context("spawn") if self.fresh else _context()
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=work, args=(theirs, trials, limit, self.device, start), daemon=True
            )
            with _environment() if self.fresh else nullcontext():  # a fork has that of its server
                process.start()
        except (
            OSError,
            EOFError,
        ) as error:  # the fork server was killed, or the system has no room for a process
            message = f"no process could be started for it: {error or type(error).__name__}"
            self._unstarted += [
                (trial, Record(trial.hash, Status.lost, None, 0.0, message, self._described()))
                for trial in trials
            ]
            return
        theirs.close()
        self._running[ours] = _Running(
            trials,
            process,
            ours,
            time.monotonic(),
            (timeout or DEFAULT_TIMEOUT) * len(trials),
            _oom_kills(),
            _fork_server(),
        )

    def wait(self, seconds: float) -> list[tuple[Trial, Record]]:
        """Trials that ended, waiting up to `seconds` for the first."""
        self._reap()
        unstarted, self._unstarted = self._unstarted, []
        if unstarted or not self._running:
            return unstarted
        nearest = min(each.deadline for each in self._running.values()) - time.monotonic()
        ready = wait(list(self._running), timeout=max(0.0, min(seconds, nearest)))
        ended = [self._collect(self._running[each]) for each in ready if isinstance(each, Connection)]
        now = time.monotonic()
        late = [each for each in self._running.values() if now >= each.deadline]
        ended += [self._stop(each) for each in late]
        return [pair for pairs in ended for pair in pairs]

    def close(self) -> list[Trial]:
        """Kill whatever still runs; returns the trials that were cut off."""
        cut = list(self._running.values())
        for each in cut:
            each.process.kill()
        for each in cut:
            each.process.join()
            each.connection.close()
        self._running.clear()
        self._reap(at_once=True)
        return [trial for each in cut for trial in each.trials]

    def _reap(self, at_once: bool = False) -> None:
        """See off the processes that sent their results; nothing that one still does is worth waiting long for."""
        for due, process in self._leaving:
            if at_once or (time.monotonic() > due and process.is_alive()):
                process.kill()
                process.join()
        self._leaving = [(due, process) for due, process in self._leaving if process.is_alive()]

    def _collect(self, done: _Running) -> list[tuple[Trial, Record]]:
        del self._running[done.connection]
        try:
            records: list[Record] = done.connection.recv()
        except (EOFError, OSError):
            records = self._death(done)
        else:
            # Its memory takes a while to be given back: the next trial need not wait for that.
            self._leaving.append((time.monotonic() + _LEAVING, done.process))
        done.connection.close()
        return list(zip(done.trials, records, strict=True))

    def _death(self, dead: _Running) -> list[Record]:
        dead.process.join()
        code = dead.process.exitcode or 0
        if code == -signal.SIGKILL and _oom_kills() > dead.oom_kills:
            message = "killed by the kernel's out-of-memory killer; run fewer workers or a smaller batch"
            return self._failed(dead, Status.out_of_memory, message)
        if code == _UNKNOWN_EXIT and dead.server != _fork_server():
            return self._failed(dead, Status.lost, "the process ended with the fork server it came from")
        if code < 0:
            # Nothing in a trial sends these: somebody or something outside did.
            status = Status.lost if -code in _FROM_OUTSIDE else Status.crashed
            return self._failed(dead, status, f"the process was killed by {signal.Signals(-code).name}")
        return self._failed(dead, Status.crashed, f"the process left with exit status {code} and no result")

    def _stop(self, late: _Running) -> list[tuple[Trial, Record]]:
        del self._running[late.connection]
        late.process.kill()
        late.process.join()
        late.connection.close()
        message = f"stopped after its time limit of {late.timeout:g} s"
        return list(zip(late.trials, self._failed(late, Status.timed_out, message), strict=True))

    def _failed(self, ended: _Running, status: Status, message: str) -> list[Record]:
        seconds = (time.monotonic() - ended.started) / len(ended.trials)
        return [
            Record(trial.hash, status, None, seconds, message, self._described()) for trial in ended.trials
        ]

    def _described(self) -> dict[str, object]:
        return {"identity": self.identity, "state": environment.state()}


def _fork_server() -> int | None:
    """Process number of the living fork server; None where there is none."""
    pid: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if pid is None or not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
        return None
    return pid


def _oom_kills() -> int:
    """How many processes the kernel has killed for lack of memory since it started; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # The driver's own main module is imported again by every child; preloaded, that costs nothing.
    main = [name for name in ("pytest", "edgebench.cli") if name in sys.modules]
    context.set_forkserver_preload([*main, "edgebench.run.preload"])
    # First, because starting the resource tracker unblocks the signals that are blocked below.
    resource_tracker.ensure_running()
    with _environment(), _no_interrupt():
        forkserver.ensure_running()
    return context


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Block Ctrl-C, for the fork server to inherit: it reaches the whole process group, but it is the driver's alone.

    One that comes meanwhile reaches the driver afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment() -> Iterator[None]:
    """The fork server's environment, which its children inherit; the driver's own stays as it is."""
    before = {name: os.environ.get(name) for name in _WORKER_ENVIRONMENT}
    os.environ.update(_WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
