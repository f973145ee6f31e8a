"""What the harness itself costs: a trial's overhead, a thousand trials, a warm run, the collection of many claims.

`pytest benchmarks/test_runner.py`; measured, not part of the test suite: a busy machine would make it fail.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.settings import PropertySettings
from edgebench.run.environment import available_cores
from edgebench.run.jobs import Jobs
from edgebench.run.local import LocalExecutor
from edgebench.run.store import Store
from edgebench.run.trial import Trial

ROOT = Path(__file__).parents[1]


def trivial(seed: int) -> Trial:
    """A trial that is over at once; its seed makes it another one."""
    return Trial("property", PropertySettings(name="cosine-schedule", cases=1), seed, None)


def run_all(folder: Path, count: int, workers: int) -> tuple[float, float]:
    """Wall time of `count` trials through lease, process and store, and the seconds spent inside the trials."""
    store, executor = Store(folder / f"{time.monotonic_ns()}.sqlite"), LocalExecutor(workers)
    jobs = Jobs(store, executor)
    for seed in range(count + 1):
        jobs.need(trivial(seed), None, None)
    first, *rest = jobs
    while first.record is None:  # the fork server starts with the first trial
        jobs.fill([first])
        jobs.collect(0.2)
    started = time.perf_counter()
    while left := [job for job in rest if job.record is None]:
        jobs.fill([job for job in left if job.is_open])
        jobs.collect(0.2)
    took = time.perf_counter() - started
    jobs.stop()
    store.close()
    assert {str(job.record.status) for job in rest if job.record} == {"ok"}
    return took, sum(job.record.seconds for job in rest if job.record)


def test_overhead_of_a_trial(benchmark: Any, tmp_path: Path) -> None:
    """One worker, so that nothing is hidden behind another trial: at most 50 ms on top of the trial itself."""
    count, found = 100, []
    benchmark.pedantic(lambda: found.append(run_all(tmp_path, count, 1)), rounds=3)
    overhead = min((took - inside) / count for took, inside in found)
    benchmark.extra_info["overhead ms"] = round(1000 * overhead, 1)
    print(f"\n{benchmark.extra_info}")
    assert overhead <= 0.050


def test_a_thousand_trials(benchmark: Any, tmp_path: Path) -> None:
    found: list[tuple[float, float]] = []
    workers = available_cores()
    benchmark.pedantic(lambda: found.append(run_all(tmp_path, 1000, workers)), rounds=1)
    benchmark.extra_info |= {"workers": workers, "trials/s": round(1000 / found[0][0], 1)}
    print(f"\n{benchmark.extra_info}")
    assert found[0][0] <= 50.0


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on the claims of a folder, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "claims", *arguments]
    # As a user's Python is set up: with its compiled modules kept.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def test_cold_and_warm_run_of_all_claims(benchmark: Any, tmp_path: Path) -> None:
    """Cold: everything is trained, in less than 12 minutes. Warm: verdicts, comparisons and tables alone, in 10 s."""
    for name in ("claims", "baselines", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    arguments = ("--store", str(tmp_path / "store.sqlite"))
    started = time.perf_counter()
    assert pytest_in(tmp_path, *arguments).returncode in (0, 1)
    benchmark.extra_info["cold s"] = round(time.perf_counter() - started, 1)
    results: list[subprocess.CompletedProcess[str]] = []
    benchmark.pedantic(lambda: results.append(pytest_in(tmp_path, *arguments)), rounds=3)
    assert "nothing had to be run" in results[-1].stdout
    print(f"\n{benchmark.extra_info}, warm {benchmark.stats.stats.max:.2f} s")
    assert benchmark.extra_info["cold s"] < 720
    assert benchmark.stats.stats.max < 10


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """500 claim files in 20 papers: the project's own, over and over."""
    papers = [folder for folder in sorted((ROOT / "claims").iterdir()) if (folder / "paper.yaml").is_file()]
    written = 0
    for number in range(20):
        source = papers[number % len(papers)]
        target = tmp_path / "claims" / f"paper-{number}"
        target.mkdir(parents=True)
        shutil.copy(source / "paper.yaml", target)
        if (source / "recipes").is_dir():
            shutil.copytree(source / "recipes", target / "recipes")
        claims = [path for path in sorted(source.glob("*.yaml")) if path.name != "paper.yaml"]
        for copy in range(25):
            shutil.copy(claims[copy % len(claims)], target / f"claim-{copy}.yaml")
            written += 1
    assert written == 500
    return tmp_path


def test_collection_of_500_claim_files(benchmark: Any, many: Path) -> None:
    """From the start of Python to the end of pytest, at most 1.5 s, and torch stays out."""
    (many / "conftest.py").write_text(
        "import json, sys, pathlib\n"
        "def pytest_sessionfinish(session):\n"
        "    seen = [len(session.items), 'torch' in sys.modules]\n"
        "    pathlib.Path('seen.json').write_text(json.dumps(seen))\n"
    )
    found: list[subprocess.CompletedProcess[str]] = []
    arguments = ("--collect-only", "-q")
    benchmark.pedantic(lambda: found.append(pytest_in(many, *arguments)), rounds=5, warmup_rounds=1)
    assert found[-1].returncode == 0, found[-1].stdout[-2000:]
    items, torch_was_imported = json.loads((many / "seen.json").read_text())
    benchmark.extra_info |= {"items": items, "cores": os.cpu_count()}
    print(f"\n{benchmark.extra_info} {benchmark.stats.stats.min:.2f} s")
    assert items >= 500
    assert not torch_was_imported
    assert benchmark.stats.stats.min <= 1.5
