"""A trial's hash: the key of every stored result."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, create_model

from edgebench.claim.settings import ProfileSettings, PropertySettings, TrainSettings
from edgebench.data import source
from edgebench.errors import DataError
from edgebench.run import trial as trials
from edgebench.run.trial import Trial, resolve, seed_value, trials_of
from tests import roots
from tests.run.pretrained import started_from

SETTINGS: dict[str, Any] = {
    "model": {"name": "micronet"},
    "data": {"name": "digits"},
    "optimiser": {"name": "sgd", "lr": 0.1},
    "epochs": 2,
}


def trained(content: dict[str, Any] = SETTINGS, seed: int = 0, data: str | None = "d") -> Trial:
    return Trial("train", TrainSettings.model_validate(content), seed, data)


def test_hashes_never_change_by_accident() -> None:
    """Whoever changes these makes every stored record useless: raise SEMANTICS instead, and say why."""
    assert trained().hash == "dabbeb30d7ed98ca8671f96e0a923ecd"
    profile = ProfileSettings.model_validate({"model": {"name": "relu"}, "input": [1, 4, 8, 8]})
    assert Trial("profile", profile, 0, None).hash == "044a4e22470acc4fc917c5b70a4c4673"
    assert (
        Trial("property", PropertySettings(name="cosine-schedule"), 0, None).hash
        == "dab633af08297e30c6c4fac570a75fe1"
    )


def test_settings_are_named_by_one_text_whatever_the_seed() -> None:
    text = trained().settings_json
    assert trained(seed=3, data="other").settings_json == text
    assert trained({**SETTINGS, "epochs": 3}).settings_json != text
    assert TrainSettings.model_validate_json(text) == trained().settings
    assert "null" not in text, "what is not set is left out, so that a new key changes no old text"


def test_seeds_never_change_by_accident() -> None:
    assert [seed_value(0, "split"), seed_value(0, "init"), seed_value(7, "init")] == [
        5716840101654205338,
        2021057469835882829,
        6842092974830369458,
    ]


def shuffled(content: dict[str, Any], draw: st.DataObject) -> dict[str, Any]:
    keys = draw.draw(st.permutations(list(content)))
    return {
        key: shuffled(content[key], draw) if isinstance(content[key], dict) else content[key] for key in keys
    }


@given(st.data())
def test_order_of_keys_does_not_matter(draw: st.DataObject) -> None:
    assert trained(shuffled(SETTINGS, draw)).hash == trained().hash


@pytest.mark.parametrize(
    "extra",
    [
        {"batch": 128},
        {"label_smoothing": 0.0},
        {"augment": {}},
        {"augment": {"flip": False, "crop": None}},
        {"schedule": {"name": "constant"}},
        {"model": {"name": "micronet", "width": None}},
        {"optimiser": {"name": "sgd", "lr": 0.1, "weight_decay": 0}},
    ],
)
def test_a_default_that_is_written_out_is_the_same_trial(extra: dict[str, Any]) -> None:
    assert trained(SETTINGS | extra).hash == trained().hash


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 3},
        {"batch": 64},
        {"model": {"name": "micronet", "width": 0.5}},
        {"model": {"name": "micronet", "dropout": 0.0}},
        {"data": {"name": "digits", "train": 500}},
        {"augment": {"flip": True}},
        {"augment": {"mixup": {"alpha": 0.2}}},
        {"optimiser": {"name": "sgd", "lr": 0.1000001}},
        {"optimiser": {"name": "adam", "lr": 0.1}},
        {"schedule": {"name": "cosine"}},
        {"label_smoothing": 0.1},
    ],
)
def test_any_other_setting_is_another_trial(change: dict[str, Any]) -> None:
    assert trained(SETTINGS | change).hash != trained().hash


def test_seed_and_data_are_part_of_the_trial() -> None:
    assert len({trained().hash, trained(seed=1).hash, trained(data="e").hash, trained(data=None).hash}) == 4


@given(st.lists(st.integers(0, 1000), unique=True, min_size=2))
def test_every_seed_is_another_trial(seeds: list[int]) -> None:
    assert len({trained(seed=seed).hash for seed in seeds}) == len(seeds)


def test_semantics_are_part_of_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    before = trained().hash
    monkeypatch.setattr(trials, "SEMANTICS", trials.SEMANTICS + 1)
    assert trained().hash != before


def test_a_new_setting_that_is_not_used_changes_no_hash() -> None:
    grown = create_model("Grown", __base__=TrainSettings, ema=(float | None, Field(None)))
    assert Trial("train", grown.model_validate(SETTINGS), 0, "d").hash == trained().hash
    assert Trial("train", grown.model_validate(SETTINGS | {"ema": 0.9}), 0, "d").hash != trained().hash


def test_whole_numbers_and_floats_are_one_rate() -> None:
    """YAML has `lr: 1` and `lr: 1.0`."""
    whole = SETTINGS | {"optimiser": {"name": "sgd", "lr": 1}}
    assert trained(whole).hash == trained(SETTINGS | {"optimiser": {"name": "sgd", "lr": 1.0}}).hash


@given(st.integers(0, 10**6), st.sampled_from(["", "split", "order", "augment", "init", "noise"]))
def test_seeds_fit_every_generator(index: int, purpose: str) -> None:
    assert 0 <= seed_value(index, purpose) < 2**63


def test_purposes_have_streams_of_their_own() -> None:
    purposes = ("", "split", "order", "augment", "init", "noise")
    values = {seed_value(index, purpose) for index in range(50) for purpose in purposes}
    assert len(values) == 50 * len(purposes)


PRETRAIN: dict[str, Any] = {"data": {"name": "digits"}, "optimiser": {"name": "sgd", "lr": 0.1}, "epochs": 3}


def tuned(seed: int = 0, pretrain: dict[str, Any] | None = None, **change: Any) -> Trial:
    start = {"pretrain": PRETRAIN | (pretrain or {})}
    content = SETTINGS | {"start": start, "method": {"name": "mobiletl", "blocks": 3}} | change
    return replace(resolve("train", TrainSettings.model_validate(content)), seed=seed)


def test_a_pretraining_is_a_trial_that_keeps_its_weights() -> None:
    needs = tuned(seed=7).needs
    assert needs is not None
    assert (needs.seed, needs.keeps, needs.needs) == (0, True, None), "one for all seeds"
    assert needs.settings == TrainSettings.model_validate(SETTINGS | PRETRAIN)
    assert needs.data == tuned().data
    plain = replace(needs, keeps=False)
    assert needs.hash != plain.hash, "a record of a plain training has no weights"
    assert needs.settings_json == plain.settings_json, "but its time tells"
    assert plain.hash == resolve("train", needs.settings).hash
    assert needs.describe() == "micronet on digits, seed 0"
    assert tuned(seed=7).describe() == "micronet on digits, mobiletl, seed 7"


@pytest.mark.parametrize(
    "change",
    [
        {"pretrain": {"epochs": 4}},
        {"pretrain": {"batch": 64}},
        {"pretrain": {"optimiser": {"name": "sgd", "lr": 0.2}}},
        {"pretrain": {"data": {"name": "digits", "classes": [0, 1]}}},
        {"model": {"name": "micronet", "width": 0.5}},
        {"method": {"name": "mobiletl", "blocks": 2}},
        {"start": None},
        {"method": None},
        {"data": {"name": "digits", "classes": [0, 1]}},
    ],
)
def test_what_it_starts_from_and_its_strategy_are_part_of_the_trial(change: dict[str, Any]) -> None:
    assert tuned().hash == tuned().hash
    assert tuned(**change).hash != tuned().hash


def test_the_data_of_a_pretraining_are_part_of_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tuned(pretrain={"data": {"name": "digits", "classes": [0, 1]}})
    digest = source.digest
    monkeypatch.setattr(source, "digest", lambda data: digest(data) if data.classes is None else "changed")
    after = tuned(pretrain={"data": {"name": "digits", "classes": [0, 1]}})
    assert (after.data, after.settings_json) == (before.data, before.settings_json)
    assert after.hash != before.hash


def test_the_content_of_a_checkpoint_is_part_of_the_trial(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    found = []
    for content in (b"one", b"another"):
        path.write_bytes(content)
        found.append(tuned(start={"weights": f"file:{path}"}))
    assert [each.weights for each in found] == [
        hashlib.sha256(each).hexdigest() for each in (b"one", b"another")
    ]
    assert len({each.hash for each in found}) == 2
    assert found[0].needs is None
    path.unlink()
    with pytest.raises(DataError):
        tuned(start={"weights": f"file:{path}"})


def test_a_start_that_is_not_given_changes_no_hash() -> None:
    plain = resolve("train", TrainSettings.model_validate(SETTINGS))
    assert (plain.weights, plain.needs, plain.keeps) == (None, None, False)
    assert replace(plain, data="d").hash == trained().hash == "dabbeb30d7ed98ca8671f96e0a923ecd"


def test_all_seeds_and_arms_need_one_pretraining(tmp_path: Path) -> None:
    claim = roots.load(tmp_path, started_from())
    plan = trials_of(claim, claim.cases[0].tiers["smoke"], ("a", "b", "c"), range(3))
    assert len({trial.needs.hash for _, trial in plan if trial.needs is not None}) == 1
    assert [arm for arm, trial in plan if trial.needs is None] == ["c"] * 3


def test_seeds_are_interleaved(tmp_path: Path) -> None:
    claim = roots.load(tmp_path, roots.TRAINED)
    plan = trials_of(claim, claim.cases[0].tiers["smoke"], ("plain", "slow"), range(2))
    assert [(arm, trial.seed) for arm, trial in plan] == [
        ("plain", 0),
        ("slow", 0),
        ("plain", 1),
        ("slow", 1),
    ]
    assert len({trial.data for _, trial in plan}) == 1
    assert None not in {trial.data for _, trial in plan}


def test_exact_kinds_have_one_trial_an_arm(tmp_path: Path) -> None:
    claim = roots.load(tmp_path, roots.FORMULA)
    plan = trials_of(claim, claim.cases[0].tiers["smoke"], ("rates",), range(5))
    assert [(arm, trial.seed, trial.data) for arm, trial in plan] == [("rates", 0, None)]


def test_descriptions_name_what_runs(tmp_path: Path) -> None:
    assert trained(seed=3).describe() == "micronet on digits, seed 3"
    assert Trial("property", PropertySettings(name="cosine-schedule"), 0, None).describe() == (
        "property cosine-schedule"
    )
