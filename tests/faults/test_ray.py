"""A cluster without a node; those of which nodes and workers are killed are in `tests/run/test_ray_executor.py`."""

from __future__ import annotations

import time
from unittest.mock import Mock

import pytest

from edgebench.errors import TrialError
from edgebench.run import ray_executor
from edgebench.run.ray_cluster import Demand
from edgebench.run.ray_executor import RayExecutor
from tests.faults.recording import Observed


@pytest.mark.fault(
    "ray", "all nodes are gone", "a cluster made to answer that it has no node, for longer than is waited"
)
def test_a_run_without_nodes_ends(monkeypatch: pytest.MonkeyPatch, observed: Observed) -> None:
    executor = object.__new__(RayExecutor)
    executor.workers, executor._demand, executor._running = None, Demand(1.0, 0.0, None), {}
    executor._cluster = Mock(left_out={})
    executor._cluster.slots.return_value = {}
    executor._slots, executor._looked = 0, 0.0
    executor._alive = time.monotonic()
    assert executor.wait(0.0) == [], "it may come back"
    executor._alive -= ray_executor._PATIENCE + 1.0
    monkeypatch.setattr(ray_executor, "_LOOK", 0.0)
    with pytest.raises(TrialError, match="run the same command again") as gone:
        executor.wait(0.0)
    observed(said=str(gone.value))
