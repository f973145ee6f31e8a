"""What happens on a node of a Ray cluster: the dataset is put in place, the trials run as they do on any machine.

A Ray worker process runs one task after another. It keeps a fork server with torch loaded, and every trial runs in a
process of its own below it (`edgebench.run.local`): with the same limits, threads and named failures, and therefore
with the same numbers, as without Ray.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import edgebench
from edgebench.claim.settings import DatasetSettings, TrainSettings
from edgebench.errors import EdgebenchError
from edgebench.run import environment
from edgebench.run.local import LocalExecutor
from edgebench.run.record import Record, Status
from edgebench.run.trial import Trial

# Packages that are no part of an identity, but of which one version has to run everywhere.
_PACKAGES = ("numpy", "timm", "onnx", "onnxruntime")
_CODE = "EdgeBench's code"

Conditions = Mapping[str, str | int]


@dataclass(frozen=True)
class Refused:
    """A node's answer when it must not run trials of this run; it says nothing about the trials.

    Attributes:
        node: its id in Ray.
        message: what is wrong with it.
    """

    node: str
    message: str


def conditions(device: str) -> dict[str, str | int]:
    """What has to be equal on all nodes that share a run: the identity, versions of packages, EdgeBench's own code."""
    versions = {name: _version(name) for name in _PACKAGES}
    return {**environment.identity(device), **versions, _CODE: code_digest()}


def identity_in(conditions: Conditions) -> dict[str, str | int]:
    """The identity of the nodes that have these conditions."""
    return {name: value for name, value in conditions.items() if name not in (*_PACKAGES, _CODE)}


@cache
def code_digest() -> str:
    """A digest of EdgeBench's own modules, as they are in this process's installation; 16 hex digits."""
    root = Path(edgebench.__file__).parent
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        total.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def run_trials(
    trials: tuple[Trial, ...],
    timeout: float | None,
    memory: float | None,
    expected: Conditions,
    sent: Any,
    start: bytes | None = None,
) -> list[Record] | Refused | None:
    """Run trials of one arm on this node, one after another.

    Args:
        trials: with equal settings.
        timeout, memory: limits as of `Executor.submit`.
        expected: the `conditions` of the nodes that the run began with.
        sent: a list with the reference to the packed dataset in Ray's object store, or empty.
        start: the artefact of the trial that they need.

    Returns:
        A record each; None when the dataset is not here and was not sent; `Refused` when the node has other conditions.
    """
    device = str(expected["device"])
    if (unlike := _unlike(device, expected)) is not None:
        return unlike
    try:
        if not _has_data(trials[0], sent):
            return None
    except EdgebenchError as error:
        return [_failed(trial, str(error)) for trial in trials]
    executor = _executor(device)
    ended: list[tuple[Trial, Record]] = []
    try:
        with _no_main():
            executor.submit(trials, timeout, memory, start)
        while len(ended) < len(trials):
            ended += executor.wait(1.0)
    except BaseException:
        executor.close()
        raise
    return [record for _, record in ended]


def differences(all_conditions: list[Conditions]) -> list[str]:
    """For each of several conditions, what sets it apart: `torch 2.15.0, numpy 2.4.6`."""
    names = dict.fromkeys(name for each in all_conditions for name in each)
    apart = [name for name in names if len({each.get(name) for each in all_conditions}) > 1]
    return [", ".join(f"{name} {each.get(name)}" for name in apart) for each in all_conditions]


def _unlike(device: str, expected: Conditions) -> Refused | None:
    """What sets this node apart from those that the run began with."""
    try:
        here = conditions(device)
    except EdgebenchError as error:  # it has no GPU, or no torch for it
        message = str(error)
    else:
        if here == expected:
            return None
        its, others = differences([here, expected])
        message = f"{its} instead of {others}"
    import ray

    return Refused(ray.get_runtime_context().get_node_id(), message)


def _has_data(trial: Trial, sent: list[Any]) -> bool:
    """Whether the trial's dataset is in this node's cache, after putting it there if it was sent."""
    if trial.data is None or not isinstance(settings := trial.settings, TrainSettings | DatasetSettings):
        return True
    from edgebench.data.prepared import find, unpack

    if find(settings.data, trial.data) is not None:
        return True
    if not sent:
        return False
    import ray

    unpack(ray.get(sent[0]), settings.data, trial.data)
    return True


@cache
def _executor(device: str) -> LocalExecutor:
    return LocalExecutor(1, device)


@contextmanager
def _no_main() -> Iterator[None]:
    """Hide Ray's main module, which the trial's process would import again, and Ray with it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _failed(trial: Trial, message: str) -> Record:
    described = {"identity": environment.identity(), "state": environment.state()}
    return Record(trial.hash, Status.error, None, 0.0, message, described)


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
