"""What happens inside a trial's process: limits are set, the trial runs, its record is sent back.

Imported by the driver too, so torch is imported only inside the process (the fork server has it preloaded).
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
import traceback
from dataclasses import replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from edgebench.claim.settings import DetectSettings, TrainSettings
from edgebench.errors import DataError, EdgebenchError
from edgebench.run import environment
from edgebench.run.record import Measured, Record, Status
from edgebench.run.trial import ARTEFACT, SEMANTICS, Trial


def work(
    connection: Connection,
    trials: tuple[Trial, ...],
    memory: int | None,
    device: str = "cpu",
    start: bytes | None = None,
) -> None:
    """Entry point of a trial's process; `memory` is its limit in bytes, `start` the artefact of the trial it needs."""
    # Ctrl-C reaches the whole process group; the driver alone decides what becomes of a running trial.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_driver, daemon=True).start()
    if memory is not None:
        limit_memory(memory)
    connection.send(run_here(trials, device, start))
    connection.close()


def run_here(trials: tuple[Trial, ...], device: str = "cpu", start: bytes | None = None) -> list[Record]:
    """Run trials in this process and return a record for each; exceptions become named statuses of all of them.

    Args:
        trials: one, or several seeds of one arm.
        device: `cpu` or `cuda`, for trainings.
        start: the artefact of the trial that they need.
    """
    started = time.perf_counter()
    found: list[Measured] | None = None
    status, message = Status.error, ""
    try:
        found = measure(trials, device, start)
    except EdgebenchError as error:
        message = str(error)
    except Exception as error:
        message = _short_traceback(error)
        status = Status.out_of_memory if _is_out_of_memory(error) else Status.error
    seconds = (time.perf_counter() - started) / len(trials)
    described = {
        "identity": environment.identity(device),
        "state": environment.state(),
        "semantics": SEMANTICS,
    }
    if found is None:
        return [Record(trial.hash, status, None, seconds, message, described) for trial in trials]
    return [_record(trial, each, seconds, described) for trial, each in zip(trials, found, strict=True)]


def _record(trial: Trial, measured: Measured, seconds: float, described: dict[str, object]) -> Record:
    if broken := _not_finite(measured):
        message = f"not a finite number: {', '.join(broken)}"
        return Record(trial.hash, Status.error, None, seconds, message, described)
    status = Status.diverged if measured.diverged else Status.ok
    described = {**described, "state": {**environment.state(), **measured.how}}
    return Record(trial.hash, status, replace(measured, how={}), seconds, "", described)


def _not_finite(measured: Measured) -> list[str]:
    """Names of measurements that are NaN or infinite: no mean or interval could be taken of them."""
    scalars = [name for name, value in measured.metrics.items() if not math.isfinite(value)]
    curves = [name for name, curve in measured.curves.items() if not all(map(math.isfinite, curve))]
    return scalars + curves


def measure(trials: tuple[Trial, ...], device: str = "cpu", start: bytes | None = None) -> list[Measured]:
    """Run what the trials' kind asks for, on one thread unless it is latency; several trials are seeds of one arm."""
    import torch

    from edgebench.claim.latency import LatencyGroup
    from edgebench.claim.settings import (
        DatasetSettings,
        FileSettings,
        LatencySettings,
        ProfileSettings,
        PropertySettings,
    )

    torch.set_num_threads(1)
    settings, seeds = trials[0].settings, [trial.seed for trial in trials]
    if isinstance(settings, ProfileSettings):
        from edgebench.measure.profile_trial import run_profile

        return [run_profile(settings, seed) for seed in seeds]
    if isinstance(settings, PropertySettings):
        from edgebench.measure.properties import run_property

        return [run_property(settings, seed) for seed in seeds]
    if isinstance(settings, DatasetSettings):
        from edgebench.measure.dataset import run_dataset

        return [run_dataset(settings, trial.data) for trial in trials]
    if isinstance(settings, FileSettings):
        from edgebench.measure.files import run_files

        return [run_files(settings, seed) for seed in seeds]
    if isinstance(settings, LatencyGroup):
        from edgebench.measure.latency import run_latency

        return [run_latency(settings, seed, device) for seed in seeds]
    assert not isinstance(settings, LatencySettings), "one arm alone is never timed"
    if isinstance(settings, DetectSettings):
        from edgebench.detect.trial import run_detection

        _check_weights(settings, trials[0].weights)
        return [run_detection(settings, trial.seed, trial.data, device, weights=start) for trial in trials]
    if trials[0].quantises:
        from edgebench.train.quantised import run_quantised

        return [run_quantised(settings, trial.seed, trial.data, weights=start) for trial in trials]
    from edgebench.train.together import run_trainings

    _check_weights(settings, trials[0].weights)
    keeps = any(trial.keeps or ARTEFACT in trial.wanted for trial in trials)
    return run_trainings(settings, seeds, trials[0].data, device, weights=start, keeps=keeps)


def _check_weights(settings: TrainSettings | DetectSettings, planned: str | None) -> None:
    """Refuse a checkpoint that is not the one by which the trial's hash was made: on another machine, or changed."""
    from edgebench.models import checkpoint

    if settings.start is None or settings.start.weights is None or planned is None:
        return
    if (found := checkpoint.digest(settings.start.weights, settings.model)) != planned:
        raise DataError(
            f"the checkpoint '{settings.start.weights}' changed after the run was planned: its SHA-256 is {found}",
            expected=planned,
            hint="run the same command again",
        )


def limit_memory(limit: int) -> None:
    """Cap this process's own memory (heap and private mappings), where the system can; in bytes.

    RLIMIT_DATA and not RLIMIT_AS: torch maps far more address space than it ever uses.
    """
    try:
        import resource
    except ImportError:  # Windows: no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:  # a limit may only be lowered
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _die_with_driver() -> None:
    """End this process when the driver is gone: a killed run must not go on training unseen."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    # The last is all that oneDNN says when it gets no memory.
    signs = (
        "can't allocate memory",
        "cannot allocate memory",
        "out of memory",
        "could not create a primitive",
    )
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)


def _short_traceback(error: Exception) -> str:
    """The error and where it was raised, in one line: enough to find it, not a page of frames."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error).strip() or 'no message'}{place}"[:2000]
