"""Joining a cluster: what a trial asks of a node, and what is said when there is no Ray or no cluster."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from edgebench.errors import SettingsError
from edgebench.run.ray_cluster import Cluster, Demand

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("demand", "resources", "slots"),
    [
        (Demand(), {"CPU": 16.0, "memory": 1e9}, 16),
        (Demand(cpus=2), {"CPU": 7.0}, 3),
        (Demand(), {}, 0),
        (Demand(gpus=1), {"CPU": 16.0}, 0),
        (Demand(gpus=1), {"CPU": 16.0, "GPU": 4.0}, 4),
        (Demand(gpus=0.25), {"CPU": 16.0, "GPU": 2.0}, 8),
        (Demand(cpus=8, gpus=1), {"CPU": 16.0, "GPU": 4.0}, 2),
        (Demand(resource="edge"), {"CPU": 16.0}, 0),
        (Demand(resource="edge"), {"CPU": 16.0, "edge": 1.0}, 16),
    ],
)
def test_how_many_trials_fit_on_a_node(demand: Demand, resources: dict[str, float], slots: int) -> None:
    assert demand.slots(resources) == slots


def test_a_resource_picks_nodes_and_limits_nothing() -> None:
    assert Demand().options() == {"num_cpus": 1.0, "num_gpus": 0.0, "resources": {}}
    asked = Demand(2, 0.5, "edge").options()
    assert (asked["num_cpus"], asked["num_gpus"]) == (2, 0.5)
    assert 0 < asked["resources"]["edge"] <= 1 / 1000, "one of it is enough for a thousand trials"


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=r"Ray is not installed \(pip install \"edgebench\[ray\]\"\)"):
        Cluster(None, None)


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    before = (os.getcwd(), signal.getsignal(signal.SIGTERM))
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    with pytest.raises(SettingsError, match=r"nowhere: the Ray cluster cannot be joined: .*`ray status`"):
        Cluster(None, None)
    assert not ray.is_initialized()
    assert (os.getcwd(), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}", "127.0.0.1:99999"])
def test_an_address_where_nothing_listens_is_refused_at_once(address: str) -> None:
    pytest.importorskip("ray")
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SettingsError, match=r"127\.0\.0\.1:\d+: nothing answers there \(.*`ray status`"):
            Cluster(address.format(port=taken.getsockname()[1]), None)


@pytest.mark.parametrize("address", ["[::1]:6379", "ray://[::1]:6379"])
def test_the_brackets_of_an_ipv6_address_are_no_part_of_the_host(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    knock = Mock(side_effect=ConnectionRefusedError("refused"))
    monkeypatch.setattr(socket, "create_connection", knock)
    with pytest.raises(SettingsError, match=r"\[::1\]:6379: nothing answers there \(refused\)"):
        Cluster(address, None)
    assert knock.call_args.args == (("::1", 6379),)


def test_the_driver_imports_ray_only_when_it_is_used() -> None:
    script = (
        "import sys, edgebench.run.ray_executor; print([n for n in ('ray', 'torch') if n in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    assert done.stdout == "[]\n"
