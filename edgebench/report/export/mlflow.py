"""Exports to MLflow: an experiment for each claim, in it a run for each trial and for each item."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgebench.report.documents import item_document
from edgebench.report.export.content import Content, ExportedTrial
from edgebench.report.export.rows import flat
from edgebench.report.history import Entry

_FILES = "MLFLOW_ALLOW_FILE_STORE"
_AT_ONCE = {"metrics": 1000, "params": 100, "tags": 100}  # MLflow's limits of one request
_LONGEST = 500  # characters of a parameter that every one of its stores takes
_OF_ITEM = ("measured", "low", "high", "published", "n", "margin", "seconds")
_TOLD = (
    "id", "tier", "effect", "case", "statement", "where", "unit", "verdict", "subtype", "proxy", "certificate",
    "label", "baseline", "as_recorded",
)  # fmt: skip


def write(content: Content, output: str) -> None:
    """Log into a folder, or to the tracking server or database that a URI names.

    A trial's run has its settings as parameters, its metrics, and its curves with a step an epoch. An item's run has
    the value, interval and published number as metrics, and `value` with a step a seed; its verdict is a tag.
    """
    # It would otherwise report to its makers that it is used.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    is_folder = "://" not in output
    with _files_allowed() if is_folder else _nothing():
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=Path(output).absolute().as_uri() if is_folder else output)
        logger = _Logger(client)
        for entry in content.entries:
            logger.item(entry)
        for trial in content.trials:
            logger.trial(trial)


class _Logger:
    """Writes runs; `client` is an `MlflowClient`."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._experiments: dict[str, str] = {}
        self._now = int(time.time() * 1000)

    def item(self, entry: Entry) -> None:
        result = entry.result
        content = item_document(result)
        metrics = [(name, float(content[name]), 0) for name in _OF_ITEM if content[name] is not None]
        metrics += [("value", value, seed) for seed, value in enumerate(result.values)]
        params = {"expression": result.expression, "expectation": result.expectation}
        tags = {name: str(content[name]) for name in _TOLD if content[name] not in (None, "")}
        tags |= {"run": str(entry.run.number), "torch": entry.run.torch, "machine": entry.run.machine}
        self._run(result.claim, f"{result.item} at {result.tier}", "item", metrics, params, tags)

    def trial(self, trial: ExportedTrial) -> None:
        metrics = [(name, value, 0) for name, value in trial.metrics.items()]
        metrics += [
            (f"curve.{name}", value, epoch)
            for name, values in trial.curves.items()
            for epoch, value in enumerate(values, 1)
        ]
        metrics.append(("seconds", trial.seconds, 0))
        tags = {
            "tier": trial.tier, "case": trial.case, "arm": trial.arm, "seed": str(trial.seed), "trial": trial.trial,
            "status": trial.status,
        }  # fmt: skip
        params = {name: str(value) for name, value in flat(trial.settings).items()}
        self._run(trial.claim, trial.name, "trial", metrics, params, tags)

    def _run(
        self,
        claim: str,
        name: str,
        kind: str,
        metrics: list[tuple[str, float, int]],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag

        run = self._client.create_run(self._experiment(claim), run_name=name, start_time=self._now)
        parts: dict[str, list[Any]] = {
            "metrics": [Metric(_key(key), value, self._now, step) for key, value, step in metrics],
            "params": [Param(_key(key), value[:_LONGEST]) for key, value in params.items()],
            "tags": [
                RunTag(f"edgebench.{key}", value) for key, value in {"kind": kind, **tags}.items() if value
            ],
        }
        for part, entities in parts.items():
            size = _AT_ONCE[part]
            for start in range(0, len(entities), size):
                self._client.log_batch(run.info.run_id, **{part: entities[start : start + size]})
        self._client.set_terminated(run.info.run_id)

    def _experiment(self, claim: str) -> str:
        if claim not in self._experiments:
            known = self._client.get_experiment_by_name(claim)
            self._experiments[claim] = known.experiment_id if known else self._client.create_experiment(claim)
        return self._experiments[claim]


def _key(name: str) -> str:
    """The name with what MLflow does not take in names of metrics and parameters replaced."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)


@contextmanager
def _files_allowed() -> Iterator[None]:
    """MLflow 3 writes folders only where it is told that this is meant."""
    before = os.environ.get(_FILES)
    os.environ[_FILES] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FILES]
        else:
            os.environ[_FILES] = before


@contextmanager
def _nothing() -> Iterator[None]:
    yield
