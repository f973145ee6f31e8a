"""A real Ray cluster on this machine: every node with a cache of its own, and broken code lying about."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds; other work may keep the machine busy


class Nodes:
    """Starts and kills nodes; node 0 is the head, which the driver joins through.

    Attributes:
        address: of the cluster.
    """

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self.folder = folder
        stale = folder / "stale"
        (stale / "edgebench").mkdir(parents=True)
        (stale / "edgebench" / "__init__.py").write_text(
            "raise ImportError('this is not the code that was sent')"
        )
        self._path = os.pathsep.join((str(stale), str(ROOT)))
        self._cluster = Cluster(shutdown_at_exit=False)
        self._nodes: list[Any] = []

    @property
    def address(self) -> str:
        address = self._cluster.address
        assert isinstance(address, str)
        return address

    def add(self, *, path: Path | None = None, **resources: float) -> int:
        """Start a node with one CPU, with `path` before all others on its PYTHONPATH; returns its number."""
        number = len(self._nodes)
        before = "" if path is None else f"{path}{os.pathsep}"
        # Else it takes Ray ten seconds to notice that a node is gone.
        head = {} if self._nodes else {"_system_config": {"health_check_period_ms": 300}}
        node = self._cluster.add_node(
            **head,
            num_cpus=1,
            resources=resources,
            include_dashboard=False,
            env_vars={"EDGEBENCH_CACHE": str(self.cache(number)), "PYTHONPATH": before + self._path},
        )
        self._nodes.append(node)
        return number

    def cache(self, number: int) -> Path:
        return self.folder / f"cache-{number}"

    def kill(self, number: int) -> None:
        self._cluster.remove_node(self._nodes[number], allow_graceful=False)

    def stop(self) -> None:
        self._cluster.shutdown()

    def processes(self, number: int) -> list[psutil.Process]:
        """Whatever runs on a node: its processes are told by the cache they were given."""
        return [each for each in psutil.process_iter() if _cache(each) == str(self.cache(number))]

    def trials(self, number: int) -> list[psutil.Process]:
        """The processes of trials on a node: children of a fork server."""
        (raylet,) = self._nodes[number].all_processes["raylet"]
        found = []
        with suppress(psutil.Error):  # a process that ended meanwhile
            below = psutil.Process(raylet.process.pid).children(recursive=True)
            servers = {each.pid for each in below if "multiprocessing.forkserver" in " ".join(each.cmdline())}
            found = [each for each in below if each.ppid() in servers]
        return found


def _cache(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("EDGEBENCH_CACHE")
    except (psutil.Error, OSError):
        return None


def until(condition: Callable[[], Any]) -> Any:
    """Wait for something to be true, and return it."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found
