"""From settings to the network that a seed trains: weights that are loaded, a strategy that is applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgebench.claim.settings import TrainSettings
from edgebench.data.prepared import Prepared, prepare
from edgebench.errors import DataError, EdgebenchError, ModelError, TrialError
from edgebench.models import checkpoint, tensors
from edgebench.run.record import Status
from edgebench.run.trial import resolve
from edgebench.run.worker import run_here
from edgebench.train import start
from edgebench.train.loop import evaluate
from edgebench.train.start import build_model, started
from edgebench.train.trial import run_training, set_up
from tests.train.fixtures import settings
from tests.train.tuned import FEW, tuned

CPU = torch.device("cpu")
PLAIN = tuned(method=None)


def begun(arm: TrainSettings, content: bytes | None, seed: int = 0) -> tuple[nn.Module, Prepared]:
    data = prepare(arm.data)
    return started(arm, data, build_model(arm, data, seed), content)


def test_everything_but_the_classifier_is_loaded(first: bytes) -> None:
    of_ten = build_model(settings(), prepare(settings().data), 0)
    checkpoint.load_state(first, of_ten)
    data = prepare(PLAIN.data)
    fresh = build_model(PLAIN, data, 3).state_dict()
    model, _ = begun(PLAIN, first, 3)
    for name, tensor in model.state_dict().items():
        expected = fresh if name.startswith("classifier") else of_ten.state_dict()
        assert torch.equal(tensor, expected[name]), name
    assert fresh["classifier.weight"].shape[0] == 3
    assert not torch.equal(fresh["stem.conv.weight"], model.state_dict()["stem.conv.weight"])


def test_seeds_differ_in_their_classifier_alone(first: bytes) -> None:
    one, other = (begun(PLAIN, first, seed)[0].state_dict() for seed in (0, 1))
    differing = {name for name in one if not torch.equal(one[name], other[name])}
    assert "classifier.weight" in differing
    assert differing <= {"classifier.weight", "classifier.bias"}


def test_images_are_normalised_as_the_weights_want_it(first: bytes) -> None:
    """As in the pretraining, not as the images of the new classes would be."""
    whole, few = prepare(settings().data), prepare(PLAIN.data)
    assert few.mean != whole.mean
    _, data = begun(PLAIN, first)
    assert (data.mean, data.std) == (whole.mean, whole.std)
    begun_at = set_up(PLAIN, few, 0, CPU, first)
    images, _ = begun_at.validation[0]
    restored = images * torch.tensor(whole.std).view(1, -1, 1, 1) + torch.tensor(whole.mean).view(1, -1, 1, 1)
    pixels = restored * 255
    assert torch.allclose(pixels, pixels.round(), atol=1e-3), "pixels have whole values in this scale alone"


def test_without_a_start_nothing_changes() -> None:
    arm = settings()
    data = prepare(arm.data)
    model = build_model(arm, data, 0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    same, unchanged = started(arm, data, model, None)
    assert same is model
    assert unchanged is data
    assert all(torch.equal(tensor, before[name]) for name, tensor in same.state_dict().items())


def test_weights_that_are_not_handed_over_are_an_error() -> None:
    with pytest.raises(TrialError, match="were not handed over"):
        begun(PLAIN, None)


def test_weights_of_another_network_are_refused(first: bytes) -> None:
    with pytest.raises(ModelError):
        begun(tuned(model={"name": "micronet", "width": 0.5}, method=None), first)


def test_weights_for_images_of_other_channels_are_refused() -> None:
    """A hand-made file may say anything of its input, whatever its tensors fit."""
    network = build_model(PLAIN, prepare(PLAIN.data), 0)
    coloured = checkpoint.Normalisation((0.5,) * 3, (0.5,) * 3)
    with pytest.raises(ModelError, match="images of 3 channels, the dataset's have 1"):
        begun(PLAIN, checkpoint.save_state(network, coloured))


@pytest.mark.parametrize("content", [b"", b"weights", b"\xff" * 100])
def test_damaged_weights_are_refused(content: bytes) -> None:
    with pytest.raises(DataError):
        begun(PLAIN, content)


def test_the_strategy_is_applied_after_loading(first: bytes) -> None:
    model, _ = begun(tuned(), first)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    whole = dict(model.named_parameters())
    assert 0 < len(trained) < len(whole)
    assert not any(name.startswith(("stem.", "blocks.0.")) for name in trained)
    plain, _ = begun(PLAIN, first)
    stem = plain.state_dict()["stem.conv.weight"]
    assert torch.equal(model.state_dict()["stem.conv.weight"], stem)
    convolutions = [each for each in model.modules() if isinstance(each, nn.Conv2d)]
    assert all(each.weight.is_contiguous(memory_format=torch.channels_last) for each in convolutions), (
        "in the order in which a step takes the least time"
    )


def test_what_replaces_activations_is_not_in_place() -> None:
    for name in ("hardswish", "relu6"):
        model, _ = begun(tuned(model={"name": "micronet", "activation": name}, start=None), None)
        slow = (nn.Hardtanh, nn.Hardswish)
        assert not any(each.inplace for each in model.modules() if isinstance(each, slow))


def test_folded_checkpoints_see_real_images_of_the_training_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the scale that they want, from all over the set, the same for every seed."""
    given: list[Any] = []

    def load(weights: str, model: nn.Module, settings: Any, calibration: Any) -> checkpoint.Normalisation:
        given.append(calibration)
        return checkpoint.HALF

    monkeypatch.setattr(checkpoint, "load", load)
    data = coloured()
    arm = tuned(start={"weights": "mbv2-w0.35"}, method=None)
    for _ in range(2):
        _, after = started(arm, data, nn.Identity(), None)
    assert (after.mean, after.std) == (checkpoint.HALF.mean, checkpoint.HALF.std)
    one, other = given
    assert one.shape == (start.CALIBRATION, 3, 8, 8)
    assert torch.equal(one, other)
    pixels = ((one * 0.5 + 0.5) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    chosen = np.linspace(0, 599, start.CALIBRATION).astype(int)
    assert np.array_equal(pixels, data.train_images[chosen])
    grey = replace(data, mean=(0.5,), std=(0.5,), train_images=data.train_images[..., :1])
    with pytest.raises(ModelError, match="images of 3 channels"):
        started(arm, grey, nn.Identity(), None)
    assert given[-1] is None, "they would not be what the checkpoint's statistics are of"


def coloured() -> Prepared:
    labels = np.arange(600, dtype=np.int64) % 3
    images = np.random.default_rng(0).integers(0, 256, (600, 8, 8, 3), dtype=np.uint8)
    none = (0.0,) * 3
    return Prepared(Path("none"), images, labels, images[:10], labels[:10], ("a", "b", "c"), "d", none, none)


# Whole trainings.


def test_a_fine_tuning_starts_from_what_a_pretraining_kept(first: bytes) -> None:
    found = run_training(tuned(epochs=1), 0, weights=first)
    assert found.artefact is None
    assert found.metrics["top1"] > 0
    fresh = run_training(tuned(start=None, epochs=1), 0)
    assert fresh.curves["train_loss"] != found.curves["train_loss"]


def test_only_what_keeps_its_weights_has_an_artefact_and_its_results_are_the_same() -> None:
    arm = settings(epochs=1)
    kept, plain = run_training(arm, 0, keeps=True), run_training(arm, 0)
    assert plain.artefact is None
    assert kept.artefact == run_training(arm, 0, keeps=True).artefact, "the same bytes each time"
    assert kept.correct == plain.correct
    assert kept.curves == plain.curves


def test_a_diverged_training_leaves_no_weights() -> None:
    found = run_training(settings(optimiser={"lr": 1e30}), 0, keeps=True)
    assert found.diverged
    assert found.artefact is None


def test_kept_weights_give_the_scores_that_were_measured(first: bytes) -> None:
    """The artefact is the trained network, statistics and all."""
    arm = settings(epochs=1)
    found = run_training(arm, 0, keeps=True)
    assert found.artefact is not None
    begun_at = set_up(arm, prepare(arm.data), 0, CPU)
    fresh = begun_at.model.state_dict()
    checkpoint.load_state(found.artefact, begun_at.model)
    stored, _ = tensors.read(found.artefact, "here")
    begun_at.model.load_state_dict({**fresh, **stored})
    test, _ = begun_at.final_batches()
    assert evaluate(begun_at.model, test).top1 == found.metrics["top1"]


def test_costs_of_a_step_are_in_the_record_of_what_has_a_strategy(first: bytes) -> None:
    names = {"params.trained", "flops", "memory.counted", "activation_bytes", "activation_bytes.counted"}
    few, all_of_it = (
        run_training(tuned(method=method, epochs=1), 0, weights=first).metrics
        for method in ({"name": "mobiletl", "blocks": 1}, {"name": "ft-all"})
    )
    assert names <= set(few)
    assert few["params"] == few["params.trained"]
    for name in names:
        assert 0 < few[name] < all_of_it[name], name
    assert not names & set(run_training(settings(epochs=1), 0).metrics)


def test_costs_are_of_a_batch_that_is_trained(first: bytes) -> None:
    """Where there are fewer images than a batch, all of them are the batch."""
    one, other = (
        run_training(tuned(epochs=1, batch=batch, data={**FEW, "train": 32}), 0, weights=first).metrics
        for batch in (32, 500)
    )
    assert one["activation_bytes"] == other["activation_bytes"]


def record(arm: TrainSettings) -> tuple[Status, str]:
    (found,) = run_here((resolve("train", arm),))
    return found.status, found.message


@pytest.mark.parametrize("method", [{"name": "ft-all"}, {"name": "ft-blocks", "blocks": 1}, None])
def test_a_batch_of_one_with_batch_statistics_is_explained(method: dict[str, Any] | None) -> None:
    arm = settings(
        data={**FEW, "size": 4}, augment={"crop": None, "flip": False}, batch=1, epochs=1, method=method
    )
    status, message = record(arm)
    assert status is Status.error
    assert message.startswith(
        "a normalisation with batch statistics sees one value per channel: a batch of 1"
    )
    assert "ft-bias" in message


@pytest.mark.parametrize("name", ["ft-last", "ft-bias"])
def test_a_batch_of_one_with_stored_statistics_trains(name: str) -> None:
    data = {**FEW, "size": 4, "train": 16}
    arm = settings(data=data, augment={"crop": None}, batch=1, epochs=1, method={"name": name})
    assert record(arm)[0] is Status.ok


def test_an_impossible_strategy_is_named_in_the_record() -> None:
    status, message = record(settings(method={"name": "mobiletl", "blocks": 99}))
    assert status is Status.error
    assert "99" in message
    with pytest.raises(EdgebenchError):
        run_training(settings(method={"name": "mobiletl", "blocks": 99}), 0)
