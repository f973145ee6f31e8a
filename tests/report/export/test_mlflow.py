"""MLflow exports, read back by MLflow's own client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgebench.report.export.mlflow import _key
from tests.report.export.fixtures import CURVE, VALUES, content

pytest.importorskip("mlflow")


@pytest.mark.filterwarnings("default")  # MLflow's own, of which there are several
def test_runs_of_trials_and_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgebench.report.export import mlflow

    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    mlflow.write(content(tmp_path), str(tmp_path / "mlruns"))
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiments = {each.name: each.experiment_id for each in client.search_experiments()}
    assert {"demo/trained", "demo/blocks"} <= experiments.keys()
    runs = {run.info.run_name: run for run in client.search_runs([experiments["demo/trained"]])}
    assert set(runs) == {
        "gain at smoke",
        *(f"{arm}, seed {seed}" for arm in ("plain", "slow") for seed in (0, 1)),
    }
    plain, gain = runs["plain, seed 1"], runs["gain at smoke"]
    assert plain.info.status == "FINISHED"
    assert plain.data.params["optimiser.lr"] == "0.05"
    assert plain.data.metrics["top1"] == 10.0 + VALUES[1]
    assert plain.data.tags["edgebench.arm"] == "plain"
    history = client.get_metric_history(plain.info.run_id, "curve.val_top1")
    assert [(each.step, each.value) for each in history] == list(enumerate(CURVE, 1))
    assert (gain.data.metrics["measured"], gain.data.metrics["published"]) == (2.75, 3.0)
    assert (gain.data.tags["edgebench.verdict"], gain.data.tags["edgebench.proxy"]) == ("reproduced", "True")
    seeds = client.get_metric_history(gain.info.run_id, "value")
    assert [(each.step, each.value) for each in seeds] == list(enumerate(VALUES))


def test_names_are_such_as_mlflow_takes() -> None:
    from mlflow.utils.validation import _validate_metric_name

    for name in ("curve.val_top1", "bytes[é]", "a·b", "flops.forward"):
        _validate_metric_name(_key(name))
    assert _key("flops.forward") == "flops.forward"


def test_nothing_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys; import edgebench.report.export.formats; "
        "print([name for name in ('torch', 'mlflow', 'pyarrow', 'tensorboard') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
