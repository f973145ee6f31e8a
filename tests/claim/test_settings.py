"""Settings are strict, frozen, hashable, and every one of them can be written partly."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from edgebench.claim.metrics import EXACT_KINDS, METRICS, worst
from edgebench.claim.models import TIERS, claim_model, known_keys, partial, recipe_model
from edgebench.claim.settings import SETTINGS, Kind, ProfileSettings, PropertySettings, TrainSettings

TRAIN: dict[str, Any] = {
    "model": "micronet",
    "data": "digits",
    "optimiser": {"name": "sgd", "lr": 0.1},
    "epochs": 2,
}


def train(**changes: Any) -> TrainSettings:
    return TrainSettings.model_validate({**TRAIN, **changes})


class TestSettings:
    def test_defaults(self) -> None:
        settings = train()
        assert (settings.batch, settings.label_smoothing) == (128, 0.0)
        assert (settings.schedule.name, settings.schedule.warmup) == ("constant", 0)
        assert settings.augment.model_dump(exclude_none=True) == {"flip": False}
        assert settings.optimiser.weight_decay == 0.0

    def test_a_word_is_short_for_a_name(self) -> None:
        assert train(schedule="cosine") == train(schedule={"name": "cosine"})
        assert train() == train(model={"name": "micronet"}, data={"name": "digits"})
        profile = ProfileSettings.model_validate({"model": "relu6", "input": [1, 2], "method": "mobiletl"})
        assert (profile.method.name if profile.method else None, profile.input) == ("mobiletl", (1, 2))

    def test_frozen_and_hashable(self) -> None:
        assert hash(train()) == hash(train())
        assert train() != train(epochs=3)
        with pytest.raises(ValidationError, match="frozen"):
            train().epochs = 3  # type: ignore[misc]

    @pytest.mark.parametrize(
        "changes",
        [
            {"epochs": 0}, {"epochs": -1}, {"epochs": 2.0}, {"epochs": "2"}, {"epochs": True}, {"epochs": None},
            {"batch": 0}, {"label_smoothing": 1}, {"label_smoothing": -0.1}, {"label_smoothing": float("nan")},
            {"optimiser": {"name": "sgd", "lr": 0}}, {"optimiser": {"name": "sgd", "lr": float("inf")}},
            {"optimiser": {"name": "sgd"}}, {"optimiser": "sgd"}, {"optimiser": {"name": "sgd", "lr": 1, "x": 1}},
            {"optimiser": {"name": "sgd", "lr": 0.1, "momentum": 1}},
            {"optimiser": {"name": "sgd", "lr": 0.1, "weight_decay": -1e-4}},
            {"model": {"name": "micronet", "width": 0}}, {"model": {"name": "micronet", "dropout": 1}},
            {"model": {}}, {"model": 5}, {"model": ["micronet"]}, {"data": {"name": "digits", "train": 0}},
            {"augment": {"mixup": {"alpha": 0}}}, {"augment": {"mixup": {}}}, {"augment": {"flip": 1}},
            {"augment": None}, {"schedule": "linear"}, {"schedule": {"factor": 1}}, {"unknown": 1},
        ],
    )  # fmt: skip
    def test_impossible_ones_are_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            train(**changes)

    @pytest.mark.parametrize(
        ("short", "full"),
        [
            ({"degrees": 10}, {"degrees": [-10, 10]}), ({"degrees": 0}, {"degrees": [0.0, -0.0]}),
            ({"shear": 5}, {"shear": [-5, 5]}), ({"shear": [-5, 5]}, {"shear": [-5, 5, 0, 0]}),
        ],
    )  # fmt: skip
    def test_one_affine_transformation_has_one_form(
        self, short: dict[str, Any], full: dict[str, Any]
    ) -> None:
        one, other = (train(augment={"affine": each}) for each in (short, full))
        assert one == other
        assert one.model_dump_json() == other.model_dump_json() == train(**one.model_dump()).model_dump_json()

    @pytest.mark.parametrize(
        "affine",
        [
            {}, {"degrees": -1}, {"degrees": [5, 1]}, {"degrees": True}, {"degrees": 400}, {"degrees": "x"},
            {"translate": 0.1}, {"translate": [0.1, 1.1]}, {"translate": [-0.1, 0.1]}, {"scale": 1.1},
            {"scale": [0, 1]}, {"scale": [1.1, 0.9]}, {"shear": 90}, {"shear": [1, 2, 3]}, {"zoom": [1, 2]},
        ],
    )  # fmt: skip
    def test_impossible_affine_transformations_are_refused(self, affine: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            train(augment={"affine": affine})

    @pytest.mark.parametrize("shape", [[0], [1, -2], [1, 2.0], "1", 5, [[1]], ["1"]])
    def test_impossible_shapes_are_refused(self, shape: Any) -> None:
        with pytest.raises(ValidationError):
            ProfileSettings.model_validate({"model": "relu6", "input": shape})


class TestKinds:
    def test_each_has_settings_and_metrics(self) -> None:
        assert set(get_args(Kind)) == set(SETTINGS) == set(METRICS)
        assert set(SETTINGS) >= EXACT_KINDS
        assert SETTINGS["property"] is PropertySettings

    def test_metrics_have_summaries_and_finite_worst_values(self) -> None:
        for table in METRICS.values():
            for name, metric in table.items():
                assert metric.summary, name
        assert worst("top1") == 0.0
        assert worst("val_loss") == worst("curve.val_loss") == 100.0
        assert worst("params") is None


class TestPartialModels:
    @pytest.mark.parametrize("kind", SETTINGS)
    def test_nothing_is_required_and_everything_may_be_null(self, kind: Kind) -> None:
        model = partial(SETTINGS[kind])
        assert model.model_validate({})
        assert model.model_validate(dict.fromkeys(model.model_fields))
        assert set(model.model_fields) == set(SETTINGS[kind].model_fields)

    def test_constraints_hold_at_every_depth(self) -> None:
        model = partial(TrainSettings)
        assert model.model_validate({"optimiser": {"lr": 0.1}, "model": {"width": 2}, "data": "digits"})
        for wrong in (
            {"epochs": 0},
            {"optimiser": {"lr": 0}},
            {"augment": {"mixup": {"alpha": 0}}},
            {"augment": {"affine": {"degrees": [5, 1]}}},
            {"model": {"widht": 1}},
            {"schedule": "linear"},
        ):
            with pytest.raises(ValidationError):
                model.model_validate(wrong)

    def test_are_made_once(self) -> None:
        assert partial(TrainSettings) is partial(TrainSettings)
        assert claim_model("train") is claim_model("train")
        assert recipe_model("train") is recipe_model("train")


class TestKnownKeys:
    @pytest.mark.parametrize(
        ("path", "some"),
        [
            ((), {"claim", "where", "arms", "matrix"}),
            (("settings",), {"model", "epochs"}),
            (("arms", "any"), {"model", "epochs"}),
            (("arms", "any", "model"), {"name", "width"}),
            (("arms", "any", "augment", "mixup"), {"alpha"}),
            (("tiers",), set(TIERS)),
            (("tiers", "smoke"), {"looks", "floor", "arms", "model"}),
            (("tiers", "smoke", "arms", "any", "optimiser"), {"lr"}),
            (("effects", "any"), {"value", "expect"}),
            (("claim",), set()),
            (("nothing", "below"), set()),
        ],
    )
    def test_are_those_of_the_place(self, path: tuple[str, ...], some: set[str]) -> None:
        known = known_keys(claim_model("train"), path)
        assert known == sorted(known)
        assert set(known) >= some
        assert bool(known) == bool(some)
