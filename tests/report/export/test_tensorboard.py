"""TensorBoard exports, read back by TensorBoard's own reader."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import pytest

from edgebench.report.export import tensorboard
from tests.report.export.fixtures import CURVE, VALUES, content

pytest.importorskip("tensorboard")


def test_runs_hold_curves_metrics_settings_and_verdicts(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import metadata

    tensorboard.write(content(tmp_path), str(tmp_path / "runs"))
    read = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "runs"))
    read.Reload()
    arms = ("plain", "slow")
    trials = {f"smoke/demo/trained/{arm}/seed-{seed}" for arm in arms for seed in (0, 1)}
    assert set(read.Runs()) == {*trials, "items"}
    run = "smoke/demo/trained/plain/seed-1"
    curve = read.Scalars(run, "val_top1")
    assert [(each.step, each.value) for each in curve] == list(enumerate(CURVE, 1))
    assert read.Scalars(run, "metrics/top1")[0].value == pytest.approx(10.0 + VALUES[1])
    started = read.SummaryMetadata(run, metadata.SESSION_START_INFO_TAG).plugin_data.content
    settings = metadata.parse_session_start_info_plugin_data(started).hparams
    assert settings["optimiser.lr"].number_value == 0.05
    assert settings["model.name"].string_value == "micronet"
    seeds = read.Scalars("items", "smoke/demo/trained::gain")
    assert [(each.step, each.value) for each in seeds] == list(enumerate(VALUES))
    said = read.Tensors("items", "verdicts/text_summary")[0].tensor_proto.string_val[0].decode()
    said = html.unescape(said)
    assert "| demo/trained::gain | smoke | 3 points | 2.75 [-1, 6.5] | 2 | reproduced · proxy |" in said


def test_every_place_of_a_trial_has_a_folder_of_its_own(tmp_path: Path) -> None:
    trial = content(tmp_path).trials[0]
    cases = ["a/b", "a%2Fb", "a", "..", "", "n=64, é"]
    names = [tensorboard.run_name(replace(trial, case=case)) for case in cases]
    assert len(set(names)) == len(cases)
    parts = [part for name in names for part in name.split("/")]
    assert not {".", "..", ""} & set(parts)
    assert "n=64, %C3%A9" in parts
