from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from edgebench.claim.settings import ProfileSettings, PropertySettings, TrainSettings
from edgebench.run.costs import Cost, Costs
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import Trial

IDENTITY = "here"
SETTINGS: dict[str, Any] = {
    "model": {"name": "mobilenet-v1", "width": 0.25},
    "data": {"name": "cifar10", "train": 9000, "val": 3000},
    "optimiser": {"name": "sgd", "lr": 0.1},
    "epochs": 10,
}


def trained(seed: int = 0, **changed: Any) -> Trial:
    return Trial("train", TrainSettings.model_validate({**SETTINGS, **changed}), seed, "d")


def data(**changed: Any) -> dict[str, Any]:
    return {key: value for key, value in {**SETTINGS["data"], **changed}.items() if value is not None}


class Book:
    """Timings without a store."""

    def __init__(self, *timings: tuple[Trial, float]) -> None:
        self.content = [(trial.settings_json, seconds) for trial, seconds in timings]
        self.asked = 0

    def timings(self, identity: str) -> list[tuple[str, float]]:
        self.asked += 1
        return self.content if identity == IDENTITY else []


def costs(*timings: tuple[Trial, float]) -> Costs:
    return Costs(Book(*timings), IDENTITY)


def test_same_settings_at_other_seeds() -> None:
    known = costs((trained(0), 40.0), (trained(1), 50.0), (trained(2), 300.0))
    assert known.of(trained(9)) == Cost(50.0, "timed")
    assert known.of(trained(9), recorded=7.0) == Cost(50.0, "timed")


def test_nothing_is_guessed() -> None:
    assert costs().of(trained()) is None
    assert Costs(None, IDENTITY).of(trained()) is None
    assert Costs(Book((trained(), 40.0)), "another machine").of(trained()) is None
    assert costs().of(trained(), recorded=7.0) == Cost(7.0, "recorded")


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({"optimiser": {"name": "adam", "lr": 0.1}}, 103.0),
        # 10 × (9000 + 3000/3) + 9000/3 = 103,000 images stand for 103 s.
        ({"epochs": 20}, 203.0),
        ({"data": data(train=18000)}, 196.0),
        ({"data": data(val=6000)}, 113.0),
    ],
)
def test_similar_trials_are_scaled_by_the_images_seen(changed: dict[str, Any], seconds: float) -> None:
    found = costs((trained(), 103.0)).of(trained(**changed), recorded=1.0)
    assert found is not None
    assert found.source == "similar"
    assert found.seconds == pytest.approx(seconds)


RANDAUGMENT = {"randaugment": {"ops": 2, "magnitude": 9}}


@pytest.mark.parametrize(
    ("augment", "share"),
    [
        ({"crop": 4, "flip": True}, 0.0),
        ({"mixup": {"alpha": 0.2}, "cutmix": {"alpha": 1.0}}, 0.0),
        (RANDAUGMENT, 0.1),
        ({"randaugment": {"ops": 1, "magnitude": 9}}, 0.05),
        ({"autoaugment": "cifar10"}, 0.1),
        (RANDAUGMENT | {"mixup": {"alpha": 0.2}}, 0.1),
    ],
)
def test_random_operations_add_to_each_training_image(augment: dict[str, Any], share: float) -> None:
    """Ninety of 103 s are training steps; evaluation is without augmentation."""
    found = costs((trained(), 103.0)).of(trained(augment=augment))
    assert found is not None
    assert found.seconds == pytest.approx(103.0 + 90 * share)
    back = costs((trained(augment=augment), found.seconds)).of(trained())
    assert back is not None
    assert back.seconds == pytest.approx(103.0)


def test_random_operations_weigh_more_in_a_tiny_network() -> None:
    tiny = {"model": {"name": "micronet"}}
    found = costs((trained(**tiny), 103.0)).of(trained(**tiny, augment=RANDAUGMENT))
    assert found is not None
    assert found.seconds == pytest.approx(103.0 + 90 * 0.36)


@pytest.mark.parametrize(
    "changed",
    [
        {"model": {"name": "mobilenet-v1", "width": 0.5}},
        {"data": data(name="cifar100")},
        {"data": data(size=16)},
        {"data": data(train=None)},  # all images that are left, of an unknown number
        {"data": data(val=None)},
    ],
)
def test_others_are_not_similar(changed: dict[str, Any]) -> None:
    assert costs((trained(), 103.0)).of(trained(**changed)) is None


TEACHER = {"model": {"name": "micro-resnet"}}


@pytest.mark.parametrize(
    "how",
    [
        {"netaug": {}},
        {"distill": {"teacher": TEACHER}},
        {"netaug": {}, "distill": {"teacher": TEACHER}},
    ],
)
def test_trainings_with_other_steps_are_told_by_their_like(how: dict[str, Any]) -> None:
    assert costs((trained(), 103.0)).of(trained(**how)) is None
    assert costs((trained(**how), 103.0)).of(trained()) is None
    found = costs((trained(), 103.0), (trained(**how), 309.0)).of(trained(**how, epochs=20))
    assert found is not None
    assert found.source == "similar"
    assert found.seconds == pytest.approx(609.0)


def test_teachers_cost_by_their_network_and_not_by_how_they_were_trained() -> None:
    known = costs((trained(distill={"teacher": TEACHER}), 103.0))
    assert known.of(trained(distill={"teacher": TEACHER | {"epochs": 5}, "weight": 0.5})) is not None
    assert known.of(trained(distill={"teacher": {"model": {"name": "micronet"}}})) is None
    assert costs((trained(netaug={}), 1.0)).of(trained(netaug={"width": [1, 3]})) is None


MOBILETL = {"name": "mobiletl", "blocks": 3}
PRETRAINED = {"pretrain": {"data": "cifar100", "epochs": 5, "optimiser": {"name": "sgd", "lr": 0.1}}}


def tuned(seed: int = 0, **changed: Any) -> Trial:
    return trained(seed, **{"method": MOBILETL, "start": PRETRAINED, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"method": None},
        {"method": {"name": "ft-blocks", "blocks": 3}},
        {"method": {"name": "mobiletl", "blocks": 2}},
        {"method": {**MOBILETL, "norms": "all-bn"}},
        {"start": None},
        {"augment": {"crop": 2}},  # so that the maps of frozen layers are other ones in every epoch
        {"data": data(classes=[0, 1])},
    ],
)
def test_a_fine_tuning_is_told_by_others_of_its_strategy_alone(changed: dict[str, Any]) -> None:
    assert costs((tuned(), 103.0)).of(tuned(**changed)) is None
    assert costs((tuned(**changed), 103.0)).of(tuned()) is None


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({"optimiser": {"name": "adam", "lr": 0.1}}, 103.0),
        (
            {"start": {"pretrain": {**PRETRAINED["pretrain"], "epochs": 50}}},
            103.0,
        ),  # which is a trial of its own
        ({"epochs": 20}, 203.0),
        ({"data": data(train=18000)}, 196.0),
    ],
)
def test_fine_tunings_of_one_strategy_are_scaled_by_the_images_seen(
    changed: dict[str, Any], seconds: float
) -> None:
    assert costs((tuned(), 103.0)).of(tuned(1)) == Cost(103.0, "timed")
    found = costs((tuned(), 103.0)).of(tuned(**changed))
    assert found is not None
    assert (found.source, found.seconds) == ("similar", pytest.approx(seconds))


def test_without_a_number_of_images_only_epochs_are_compared() -> None:
    whole = data(train=None)
    known = costs((trained(data=whole), 31.0))
    found = known.of(trained(data=whole, epochs=20))
    assert found is not None
    assert found.seconds == pytest.approx(61.0)  # 20 1/3 epochs against 10 1/3
    assert known.of(trained(data=data(train=None, val=100), epochs=20)) is None


def test_the_most_similar_counts() -> None:
    adam = {"name": "adam", "lr": 0.1}
    known = costs(
        (trained(epochs=20), 203.0),
        (trained(epochs=20, optimiser=adam, batch=16), 999.0),
        (trained(epochs=20, optimiser=adam), 406.0),
    )
    found = known.of(trained(optimiser=adam))
    assert found is not None
    assert found.seconds == pytest.approx(206.0)


def test_properties_are_scaled_by_their_cases_and_profiles_not_at_all() -> None:
    def rule(cases: int, name: str = "signed-backward") -> Trial:
        return Trial("property", PropertySettings(name=name, cases=cases), 0, None)

    def profile(size: int) -> Trial:
        content = {"model": {"name": "relu"}, "input": [1, 4, size, size]}
        return Trial("profile", ProfileSettings.model_validate(content), 0, None)

    known = costs((rule(100), 2.0), (profile(8), 0.5))
    assert known.of(rule(300)) == Cost(6.0, "similar")
    assert known.of(rule(300, "cosine-schedule")) is None
    assert known.of(profile(8)) == Cost(0.5, "timed")
    assert known.of(profile(16)) is None


def test_what_was_found_by_its_hash_or_has_just_ended_counts_as_well() -> None:
    known = costs((trained(), 50.0))
    longer = trained(0, epochs=30)
    found = known.of(longer)
    assert found is not None
    assert found.source == "similar"
    known.add(longer, 200.0)
    known.add(longer, 210.0)
    assert known.of(trained(3, epochs=30)) == Cost(205.0, "timed")
    known.add(trained(1), 1000.0)
    assert known.of(trained(3)) == Cost(50.0, "timed"), "the store knows better"


def test_all_stages_count() -> None:
    known = costs((trained(data=data(train=None)), 31.0))
    found = known.of(trained(data=data(train=None), then=[{"epochs": 4}, {"epochs": 6}]))
    assert found == Cost(pytest.approx(61.0), "similar")  # 20 1/3 epochs against 10 1/3


def test_from_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    for trial, seconds, status in (
        (trained(0), 10.0, Status.ok),
        (trained(1), 1.0, Status.diverged),
        (trained(2), 0.1, Status.crashed),
    ):
        measured = Measured({}) if status.is_outcome else None
        store.finish(
            Record(trial.hash, status, measured, seconds), IDENTITY, trial.describe(), trial.settings_json
        )
    assert Costs(store, IDENTITY).of(trained(5)) == Cost(10.0, "timed")
    store.close()


def test_what_ends_meanwhile_is_found_at_once() -> None:
    known = costs()
    assert known.of(trained(epochs=20)) is None
    known.add(trained(), 103.0)
    found = known.of(trained(epochs=20))
    assert found is not None
    assert (found.source, found.seconds) == ("similar", pytest.approx(203.0))
    known.add(trained(epochs=20), 300.0)
    assert known.of(trained(1, epochs=20)) == Cost(300.0, "timed")


def test_a_run_of_many_arms_does_not_search_again_and_again() -> None:
    """Three hundred arms, one ending after the other, all asked for after each."""
    known, arms = costs(), [trained(epochs=n) for n in range(1, 301)]
    started = time.perf_counter()
    for arm in arms:
        for other in arms:
            known.of(other)
        known.add(arm, 10.0)
    assert time.perf_counter() - started < 5


def test_asking_is_cheap() -> None:
    """A scheduler asks for every trial that is open, again and again."""
    book = Book(*((trained(lr, optimiser={"name": "sgd", "lr": 0.1 + lr}), 10.0) for lr in range(200)))
    known = Costs(book, IDENTITY)
    trials = [trained(seed, epochs=epochs) for seed in range(10) for epochs in range(1, 11)]
    for trial in trials:
        known.of(trial)
    started = time.perf_counter()
    for _ in range(10):
        for trial in trials:
            known.of(trial)
    assert (time.perf_counter() - started) / 1000 < 1e-4
    assert book.asked == 1
