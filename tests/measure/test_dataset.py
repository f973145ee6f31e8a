"""A dataset in numbers, against numpy on arrays whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebench.claim.settings import DatasetSettings, DataSettings
from edgebench.errors import DataError
from edgebench.measure.dataset import run_dataset
from edgebench.run.trial import resolve
from edgebench.run.worker import measure
from tests.data import fixtures


def test_colour(tmp_path: Path) -> None:
    arrays = fixtures.plain(train=10, test=4)
    path = fixtures.save(tmp_path / "set.npz", arrays)
    metrics = run_dataset(DatasetSettings(data=DataSettings(name=f"npz:{path}"))).metrics
    pixels = arrays["train_images"].reshape(-1, 3) / 255
    for i, channel in enumerate(("red", "green", "blue")):
        assert metrics[f"mean.{channel}"] == pytest.approx(pixels[:, i].mean(), rel=1e-12)
        assert metrics[f"std.{channel}"] == pytest.approx(pixels[:, i].std(), rel=1e-12)
    assert (metrics["images"], metrics["images.test"], metrics["classes"]) == (10, 4, 3)
    assert (metrics["share.smallest"], metrics["share.largest"]) == (30, 40)
    assert "mean.grey" not in metrics


def test_grey_digits() -> None:
    metrics = run_dataset(DatasetSettings(data=DataSettings(name="digits"))).metrics
    pixels = np.load(Path(fixtures.__file__).parents[2] / "edgebench/data/digits.npz")["train_images"] / 255
    assert metrics["mean.grey"] == pytest.approx(pixels.mean(), rel=1e-12)
    assert metrics["std.grey"] == pytest.approx(pixels.std(), rel=1e-12)
    assert "mean.red" not in metrics


def test_a_trial_says_which_data_it_measures(tmp_path: Path) -> None:
    path = fixtures.save(tmp_path / "set.npz", fixtures.plain())
    settings = DatasetSettings(data=DataSettings(name=f"npz:{path}"))
    trial = resolve("dataset", settings)
    assert trial.describe() == f"dataset npz:{path}"
    assert measure((trial,)) == [run_dataset(settings)]
    fixtures.save(path, fixtures.plain(train=6))
    assert resolve("dataset", settings).hash != trial.hash


def test_other_data_than_planned_is_refused(tmp_path: Path) -> None:
    path = fixtures.save(tmp_path / "set.npz", fixtures.plain())
    with pytest.raises(DataError, match="changed after the run was planned"):
        run_dataset(DatasetSettings(data=DataSettings(name=f"npz:{path}")), "0" * 64)
