"""A Ray cluster as a run sees it: how to join it, which of its nodes can take trials, and whether they are alike."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import edgebench
from edgebench.errors import SettingsError
from edgebench.run import environment, ray_node

_PROBING = (
    120.0  # seconds that a node may take to say what it is; it has to start a worker and unpack the code
)
_KNOCKING = 10.0  # seconds that a cluster's head may take to answer
_HINT = "`ray status` on a node of the cluster shows whether it is up"
_LISTED = 5  # nodes of one kind that an error names
# A sliver of a resource picks the nodes that have it, without limiting how many trials run there.
_SLIVER = 0.001
_NODE = "ray.io/node-id"  # a label that Ray gives every node
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Demand:
    """What one trial asks of a node.

    Attributes:
        cpus, gpus: how many of each.
        resource: a custom resource that the node must have.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    resource: str | None = None

    def options(self) -> dict[str, Any]:
        """As Ray's task options."""
        resources = {} if self.resource is None else {self.resource: _SLIVER}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "resources": resources}

    def slots(self, resources: Mapping[str, float]) -> int:
        """How many trials a node with these resources can run at once."""
        if self.resource is not None and resources.get(self.resource, 0.0) < _SLIVER:
            return 0
        asked = {"CPU": self.cpus, "GPU": self.gpus}
        return min(int(resources.get(name, 0.0) / amount) for name, amount in asked.items() if amount > 0)

    def __str__(self) -> str:
        parts = [f"{amount:g} {name}" for name, amount in (("CPU", self.cpus), ("GPU", self.gpus)) if amount]
        return ", ".join([*parts, *([f"the resource '{self.resource}'"] if self.resource else [])])


class Cluster:
    """A cluster that was joined, or started on this machine, with EdgeBench's code sent along.

    Args:
        address: `auto`, `host:port` or `ray://host:port`. If not given, the environment variable RAY_ADDRESS, and else
            a cluster of this machine alone, which ends with `leave`.
        cpus: CPUs of a cluster that is started here; as many as this process may use if not given.

    Attributes:
        ray: the module.
        left_out: nodes that get no trials any more, by their ids: their names, and why.

    Raises:
        SettingsError: Ray is not installed, the cluster cannot be joined, or this process is in one already.
    """

    def __init__(self, address: str | None, cpus: int | None) -> None:
        self.ray = _import_ray()
        if self.ray.is_initialized():
            raise SettingsError("this process has joined a Ray cluster already", expected="one run at a time")
        self.left_out: dict[str, str] = {}
        address = address or os.environ.get("RAY_ADDRESS") or "local"
        _check_reachable(address)
        new: dict[str, Any] = {}
        if address == "local":
            new = {"num_cpus": cpus or environment.available_cores(), "include_dashboard": False}
        code = {"py_modules": [str(Path(edgebench.__file__).parent)], "excludes": ["__pycache__"]}
        self._until_left = ExitStack()
        # Workers look for modules in the folder that the driver joined from, where other code may be on their node: an
        # empty one, which has to stay as long as workers of this machine are in it.
        folder = self._until_left.enter_context(TemporaryDirectory(prefix="edgebench-ray-"))
        self._until_left.enter_context(_no_messages())
        try:
            with chdir(folder), _own_signals():
                self.ray.init(
                    address, runtime_env=code, log_to_driver=False, logging_level=logging.ERROR, **new
                )
        except (OSError, RuntimeError, ValueError, self.ray.exceptions.RayError) as error:
            self.leave()
            raise SettingsError(
                f"the Ray cluster cannot be joined: {str(error).strip() or type(error).__name__}",
                where=address,
                hint=_HINT,
            ) from error
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Leave the cluster, and end it if it was started here."""
        self.ray.shutdown()
        self._until_left.close()

    def slots(self, demand: Demand) -> dict[str, int]:
        """How many trials each node can run at once, by the node's id; only living nodes that can and may run any."""
        found = {n["NodeID"]: demand.slots(n["Resources"]) for n in self.ray.nodes() if n["Alive"]}
        return {node: count for node, count in found.items() if count > 0 and node not in self.left_out}

    def leave_out(self, refused: ray_node.Refused) -> None:
        """Give a node no trials any more, and say so, once."""
        if refused.node in self.left_out:
            return
        names = {node["NodeID"]: node["NodeName"] for node in self.ray.nodes()}
        why = f"{names.get(refused.node, refused.node)}: {refused.message}"
        self.left_out[refused.node] = why
        _LOG.warning("a Ray node gets no trials, because it is unlike those that the run began with: %s", why)

    def placing(self) -> dict[str, Any]:
        """Ray's task options that keep a task away from the nodes that are left out."""
        if not self.left_out:
            return {}
        strategies = self.ray.util.scheduling_strategies
        # Ray chooses among the others by their load, and lets the task wait while there are none.
        others = {_NODE: strategies.NotIn(*self.left_out)}
        return {"scheduling_strategy": strategies.NodeLabelSchedulingStrategy(others)}

    def probe(self, demand: Demand, device: str) -> dict[str, str | int]:
        """The conditions that all nodes have in common, for trials on this device.

        Raises:
            SettingsError: no node can run a trial, or they are not alike.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        names = {node["NodeID"]: node["NodeName"] for node in self.ray.nodes()}
        ask = self.ray.remote(num_cpus=0, max_retries=0)(ray_node.conditions)
        asked = {
            node: ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
                device
            )
            for node in self.slots(demand)
        }
        groups: dict[tuple[tuple[str, str | int], ...], list[str]] = {}
        silent = []
        for node, answer in asked.items():
            try:
                alike = tuple(self.ray.get(answer, timeout=_PROBING).items())
            except self.ray.exceptions.RayError as error:  # it is gone by now, or cannot start a worker
                silent.append(f"{names[node]}: {first_line(error)}")
            else:
                groups.setdefault(alike, []).append(names[node])
        if not groups:
            raise SettingsError(
                "; ".join(["no node of the Ray cluster can run a trial", *silent]),
                expected=f"a node with {demand}",
                hint="`ray status` shows what the nodes have",
            )
        if len(groups) > 1:
            raise _unlike(groups)
        return dict(next(iter(groups)))


def _check_reachable(address: str) -> None:
    """Knock first: Ray itself knocks for minutes, and writes about it."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdecimal()):
        return
    host = host.removeprefix("[").removesuffix("]")  # of an IPv6 address
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCKING).close()
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"nothing answers there ({error})",
            expected="the address of a Ray cluster",
            where=address,
            hint=_HINT,
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of Ray's often very long messages."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _unlike(groups: Mapping[tuple[tuple[str, str | int], ...], list[str]]) -> SettingsError:
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group))
    apart = ray_node.differences([dict(each) for each, _ in ordered])
    listed = [
        f"{what} on {len(on)} ({', '.join(sorted(set(on))[:_LISTED])})"
        for (_, on), what in zip(ordered, apart, strict=True)
    ]
    return SettingsError(
        f"the nodes of the Ray cluster are not alike: {'; '.join(listed)}",
        expected="one kind of node, because results are kept by the kind of machine that made them",
        hint="start the nodes to use with a resource of their own "
        "(`ray start --resources '{\"alike\": 1}'`) and run with `--resource alike`",
    )


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault(
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"
    )  # Ray's default to come; without it, it warns
    try:
        import ray
    except ImportError as error:
        raise SettingsError("Ray is not installed", hint='pip install "edgebench[ray]"') from error
    return ray


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's answer to SIGTERM, which Ray replaces."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _no_messages() -> Iterator[None]:
    """Keep Ray from printing the last lines of a dead node's log to standard output; the lost trials' records say it.

    There is no option for that, so the function that prints is replaced, where it still has this name.
    """
    worker, name = sys.modules.get("ray._private.worker"), "print_to_stdstream"
    before = getattr(worker, name, None)
    if before is None:
        yield
        return
    setattr(worker, name, lambda *_, **__: None)
    try:
        yield
    finally:
        setattr(worker, name, before)
