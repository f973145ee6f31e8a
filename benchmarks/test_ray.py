"""What Ray adds to a trial, and how fast one driver feeds a cluster: 1,000 trials each, on this machine.

`pytest benchmarks/test_ray.py` measures; the figures of `docs/scaling.md` come from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from edgebench.claim.settings import PropertySettings
from edgebench.run.environment import available_cores, identity_key
from edgebench.run.executor import Executor
from edgebench.run.ray_executor import RayExecutor
from edgebench.run.ray_node import conditions
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial

pytest.importorskip("ray")

COUNT = 1000


def trials(first: int, count: int) -> list[Trial]:
    settings = PropertySettings(name="cosine-schedule", cases=1)  # about a millisecond
    return [Trial("property", settings, seed, None) for seed in range(first, first + count)]


def run(executor: Executor, todo: list[Trial]) -> list[Record]:
    done: list[Record] = []
    waiting = iter(todo)
    while len(done) < len(todo):
        while executor.free > 0 and (trial := next(waiting, None)) is not None:
            executor.submit((trial,))
        done += [record for _, record in executor.wait(1.0)]
    return done


@pytest.fixture
def executor() -> Iterator[RayExecutor]:
    made = RayExecutor(workers=available_cores())
    yield made
    made.close()


def report(benchmark: BenchmarkFixture, slots: int) -> None:
    seconds = benchmark.stats.stats.mean
    benchmark.extra_info |= {
        "slots": slots,
        "per second": round(COUNT / seconds, 1),
        "ms of a slot": round(1000 * seconds * slots / COUNT, 1),
    }
    print(f"\n{benchmark.name}: {benchmark.extra_info}")


def test_trials(benchmark: BenchmarkFixture, executor: RayExecutor) -> None:
    """Whole trials, each in a process of its own on the node."""
    assert {each.status for each in run(executor, trials(0, 4 * executor.free))} == {Status.ok}
    slots = executor.free
    todo = trials(COUNT, COUNT)
    done = benchmark.pedantic(run, (executor, todo), rounds=1)
    assert {each.status for each in done} == {Status.ok}
    report(benchmark, slots)


def test_scheduling(benchmark: BenchmarkFixture, executor: RayExecutor) -> None:
    """The way to a node and back alone: the node looks at itself, and runs nothing."""
    import ray

    nothing = Record("", Status.lost, None, 0.0, "it was not run", {})

    def run_nothing(trials: tuple[Trial, ...], *_: object) -> list[Record]:
        conditions("cpu")
        return [nothing for _ in trials]

    executor._task = ray.remote(max_retries=0, **executor._demand.options())(run_nothing)
    run(executor, trials(0, 4 * executor.free))
    slots = executor.free
    done = benchmark.pedantic(run, (executor, trials(COUNT, COUNT)), rounds=1)
    assert {each.status for each in done} == {Status.lost}
    report(benchmark, slots)


def test_store(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """What the driver does for a trial beside that: take its lease, write its record."""
    store, key = Store(tmp_path / "store.sqlite"), identity_key({})
    curves = dict.fromkeys(("train_loss", "val_loss", "val_top1"), (1.0,) * 100)
    measured = Measured(
        dict.fromkeys("abcdefgh", 1.0), curves, bytes(10_000 // 8)
    )  # 100 epochs, 10,000 images

    def write() -> None:
        for trial in trials(0, COUNT):
            assert store.acquire(trial.hash, key, 60.0) is None
            record = Record(trial.hash, Status.ok, measured, 1.0)
            store.finish(record, key, trial.describe(), trial.settings_json)

    benchmark.pedantic(write, rounds=1)
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    store.close()
    benchmark.extra_info["bytes"] = size // COUNT
    report(benchmark, 1)
