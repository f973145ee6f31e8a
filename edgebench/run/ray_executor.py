"""Runs trials as tasks of a Ray cluster; what they return, and what becomes of them, is as on one machine.

The code goes to the nodes once, when the run joins the cluster. A dataset goes to the object store when the first node
says that it lacks it, and from there once to every such node. Ray itself retries nothing: a trial whose worker or node
was taken away is `lost`, and its session decides what becomes of it. A node that joined late and is unlike the others
refuses its trials; it is left out from then on, and they start again elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgebench.claim.settings import DatasetSettings, TrainSettings
from edgebench.errors import EdgebenchError, TrialError
from edgebench.run import ray_node
from edgebench.run.executor import TOGETHER
from edgebench.run.ray_cluster import Cluster, Demand, first_line
from edgebench.run.record import Record, Status
from edgebench.run.trial import Trial

_LOOK = 2.0  # seconds between looks at the nodes, which come and go
_PATIENCE = 600.0  # seconds without any node after which a run gives up
_STOPPING = 30.0  # seconds that cancelled tasks may take to end

_DataKey = tuple[str, int | None, tuple[int, ...] | None]  # content, size and classes of a prepared set


@dataclass
class _Submitted:
    trials: tuple[Trial, ...]
    timeout: float | None
    memory: float | None
    artefact: bytes | None = None
    started: float = field(default_factory=time.monotonic)


class RayExecutor:
    """Runs as many trials at once as the nodes of a Ray cluster have room for.

    Args:
        address: `auto`, `host:port` or `ray://host:port`; RAY_ADDRESS if not given, else a new cluster on this machine.
        workers: trials at a time at most, and the CPUs of a new cluster; as many as there is room for if not given.
        cpus_per_trial, gpus_per_trial: what a trial asks of its node.
        resource: a custom resource of Ray that a node must have to be used.
        device: `cpu` or `cuda`, for trainings.

    Raises:
        SettingsError: Ray is not installed, the cluster cannot be joined, or its nodes cannot share a run.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        cpus_per_trial: float = 1.0,
        gpus_per_trial: float = 0.0,
        resource: str | None = None,
        device: str = "cpu",
    ) -> None:
        self.workers = workers
        self.together = 1 if device == "cpu" else TOGETHER
        self._demand = Demand(cpus_per_trial, gpus_per_trial, resource)
        self._cluster = Cluster(address, workers)
        self._ray = self._cluster.ray
        try:
            self._conditions = self._cluster.probe(self._demand, device)
        except BaseException:
            self._cluster.leave()
            raise
        self.identity: Mapping[str, str | int] = ray_node.identity_in(self._conditions)
        task = self._ray.remote(max_retries=0, **self._demand.options())
        self._task = task(ray_node.run_trials)
        self._running: dict[Any, _Submitted] = {}
        self._sent: dict[_DataKey, Any] = {}  # to the reference
        self._slots, self._looked, self._alive = 0, 0.0, time.monotonic()

    @property
    def free(self) -> int:
        return self._room() - len(self._running)

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
        self._start(_Submitted(trials, timeout, memory, start))

    def wait(self, seconds: float) -> list[tuple[Trial, Record]]:
        """Trials that ended, waiting up to `seconds` for the first.

        Raises:
            TrialError: the cluster has had no node for trials for a long time.
        """
        self._room()
        if not self._running:
            return []
        references = list(self._running)
        ready, _ = self._ray.wait(references, num_returns=1, timeout=seconds)
        if ready:
            ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        ended = [self._collect(reference, self._running.pop(reference)) for reference in ready]
        return [pair for pairs in ended for pair in pairs]

    def close(self) -> list[Trial]:
        """Stop whatever still runs, and leave the cluster (or end it, if it was started here)."""
        cut = self.running
        references = list(self._running)
        self._running.clear()
        self._sent.clear()
        if self._ray.is_initialized():
            for reference in references:
                self._ray.cancel(reference, force=True)
            if references:
                self._ray.wait(references, num_returns=len(references), timeout=_STOPPING)
        self._cluster.leave()
        return cut

    def _room(self) -> int:
        """How many submissions the cluster can have at once."""
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._slots = sum(self._cluster.slots(self._demand).values())
            self._looked = now
        if self._slots:
            self._alive = now
        elif now - self._alive > _PATIENCE:
            found = f"the Ray cluster has had no node that can run a trial for {_PATIENCE:g} s"
            if self._cluster.left_out:
                found += f"; left out as unlike the others: {'; '.join(self._cluster.left_out.values())}"
            raise TrialError(
                found,
                expected=f"a node with {self._demand}",
                hint="what was finished is kept: run the same command again when the nodes are back",
            )
        return self._slots if self.workers is None else min(self._slots, self.workers)

    def _start(self, submitted: _Submitted) -> None:
        key = _data_key(submitted.trials[0])
        sent = (
            [self._sent[key]] if key in self._sent else []
        )  # in a list, so that only nodes that lack it fetch it
        reference = self._task.options(**self._cluster.placing()).remote(
            submitted.trials, submitted.timeout, submitted.memory, self._conditions, sent, submitted.artefact
        )
        self._running[reference] = submitted

    def _collect(self, reference: Any, submitted: _Submitted) -> list[tuple[Trial, Record]]:
        exceptions = self._ray.exceptions
        try:
            answer = self._ray.get(reference)
        except exceptions.OutOfMemoryError as error:
            message = f"stopped by Ray because its node ran out of memory: {first_line(error)}"
            return self._ended(submitted, Status.out_of_memory, message)
        except exceptions.RayTaskError as error:
            return self._ended(submitted, Status.error, f"the Ray task failed: {first_line(error.cause)}")
        except exceptions.RayError as error:
            message = f"its Ray worker or node was lost ({type(error).__name__}): {first_line(error)}"
            return self._ended(submitted, Status.lost, message)
        if isinstance(answer, ray_node.Refused):
            self._cluster.leave_out(answer)
            self._looked = 0.0  # its slots count no more
        elif answer is not None:
            return list(zip(submitted.trials, answer, strict=True))
        else:
            try:
                self._send(submitted.trials[0])
            except EdgebenchError as error:
                return self._ended(submitted, Status.error, str(error))
        self._start(submitted)
        return []

    def _send(self, trial: Trial) -> None:
        """Put the trial's dataset into the object store, for the nodes that lack it."""
        from edgebench.data.prepared import pack

        key, settings = _data_key(trial), trial.settings
        assert key is not None, "only trials that need data can lack them"
        assert isinstance(settings, TrainSettings | DatasetSettings)
        if key not in self._sent:
            self._sent[key] = self._ray.put(pack(settings.data, key[0]))

    def _ended(self, submitted: _Submitted, status: Status, message: str) -> list[tuple[Trial, Record]]:
        """Records of trials about which no node said anything; the machine is therefore not known either."""
        seconds = (time.monotonic() - submitted.started) / len(submitted.trials)
        described: dict[str, object] = {"identity": dict(self.identity), "state": {}}
        return [
            (trial, Record(trial.hash, status, None, seconds, message, described))
            for trial in submitted.trials
        ]


def _data_key(trial: Trial) -> _DataKey | None:
    if trial.data is None or not isinstance(trial.settings, TrainSettings | DatasetSettings):
        return None
    return trial.data, trial.settings.data.size, trial.settings.data.classes
