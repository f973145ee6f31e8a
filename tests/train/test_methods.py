"""Methods as a training applies them: NetAug, DropBlock, a teacher."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgebench.data.batches import evaluation_batches
from edgebench.data.prepared import prepare
from edgebench.errors import ModelError, TrialError
from edgebench.methods.distillation import Distillation
from edgebench.methods.dropblock import DropBlock
from edgebench.methods.mixing import Mixup
from edgebench.methods.netaug.method import NetAug
from edgebench.models import checkpoint
from edgebench.models.tensors import read
from edgebench.run.record import Measured
from edgebench.run.trial import teaching
from edgebench.train.loop import evaluate
from edgebench.train.methods import methods_of
from edgebench.train.start import build_model
from edgebench.train.trial import pack, run_training, set_up
from tests.train.fixtures import settings

CPU = torch.device("cpu")
TEACHER: dict[str, Any] = {"teacher": {"model": {"name": "micro-resnet"}, "epochs": 1}}


def taught(**change: Any) -> Measured:
    """A training with a teacher, which is trained first."""
    student = settings(distill={**TEACHER, **change.pop("distill", {})}, **change)
    assert student.distill is not None
    teacher = run_training(teaching(student, student.distill), 1, keeps=True)
    return run_training(student, 1, weights=teacher.artefact, keeps=True)


def test_each_setting_has_its_method() -> None:
    data = prepare(settings().data)
    train = np.arange(64)
    assert methods_of(settings(), data, train, 0, CPU) == []
    found = methods_of(
        settings(augment={"mixup": {"alpha": 0.2}}, dropblock={"keep": 0.9, "size": 3}), data, train, 0, CPU
    )
    assert [type(method) for method in found] == [Mixup, DropBlock]
    teacher = run_training(settings(model={"name": "micro-resnet"}, epochs=1), 0, keeps=True)
    both = settings(netaug={}, distill=TEACHER)
    found = methods_of(both, data, train, 0, CPU, teacher.artefact)
    assert [type(method) for method in found] == [Distillation, NetAug]


def test_netaug_with_the_base_alone_is_plain_training() -> None:
    plain = run_training(settings(), 1, keeps=True)
    alone = run_training(settings(netaug={"alpha": 0.0}), 1, keeps=True)
    assert alone.curves["train_loss"] == plain.curves["train_loss"]
    assert plain.artefact is not None
    assert alone.artefact is not None
    ours, theirs = read(alone.artefact, "netaug")[0], read(plain.artefact, "plain")[0]
    assert ours.keys() == theirs.keys()
    for name in ours:
        if "running" not in name and "num_batches" not in name:
            assert torch.equal(ours[name], theirs[name]), name


def test_netaug_leaves_a_plain_network_that_scores_as_recorded() -> None:
    arm = settings(netaug={"width": [1, 2], "expand": [1, 2]})
    found = run_training(arm, 1, keeps=True)
    assert found.artefact is not None
    data = prepare(arm.data)
    model = build_model(arm, data, 7)
    checkpoint.load_state(found.artefact, model, whole=True)
    score = evaluate(model, evaluation_batches(data, "test"))
    assert pack(score.correct) == found.correct
    plain = run_training(settings(), 1)
    for cost in ("params", "macs", "model_bytes"):
        assert found.metrics[cost] == plain.metrics[cost]


def test_netaug_that_diverges_is_recorded_with_the_size_of_the_network_alone() -> None:
    found = run_training(settings(netaug={}, optimiser={"name": "sgd", "lr": 1e30}), 1)
    assert found.diverged
    assert "top1" not in found.metrics
    plain = run_training(settings(epochs=1), 1)
    for cost in ("params", "macs", "model_bytes"):
        assert found.metrics[cost] == plain.metrics[cost]


def test_netaug_trains_the_same_twice() -> None:
    first, second = (run_training(settings(netaug={}), 1) for _ in range(2))
    assert first.curves == second.curves
    assert first.curves["train_loss"] != run_training(settings(), 1).curves["train_loss"]


def test_statistics_come_from_the_same_training_images_each_time() -> None:
    arm = settings(netaug={"calibration": 40}, epochs=1)
    start = set_up(arm, prepare(arm.data), 1, CPU)
    (method,) = start.methods
    assert isinstance(method, NetAug)
    batches = [list(method._calibration()) for _ in range(2)]
    assert [len(images) for images in batches[0]] == [16, 16, 16], "whole batches, 40 images at least"
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one, other)


def test_a_network_that_netaug_does_not_cover_is_refused_by_its_layer() -> None:
    with pytest.raises(ModelError, match=r"conv|block|layer"):
        run_training(settings(model={"name": "mobilenet-v1", "width": 0.25}, netaug={}), 1)


def test_a_teacher_of_no_weight_changes_nothing() -> None:
    plain = run_training(settings(), 1)
    assert taught(distill={"weight": 0.0}).curves == plain.curves


def test_a_teacher_teaches() -> None:
    """Against nothing but its teacher, the student's loss comes down although it sees no label."""
    found = taught(distill={"weight": 1.0, "teacher": {"model": {"name": "micro-resnet"}}}, epochs=40)
    assert found.curves["train_loss"][-1] < 0.7 * found.curves["train_loss"][0]
    assert found.metrics["top1"] > 30
    assert found.metrics["params"] == run_training(settings(epochs=1), 1).metrics["params"]


def test_netaug_and_a_teacher_go_together() -> None:
    found = taught(netaug={"width": [1, 2]})
    assert np.isfinite(found.metrics["val_loss"])
    assert found.curves["train_loss"] != taught().curves["train_loss"]


def test_without_its_teachers_weights_nothing_is_trained() -> None:
    with pytest.raises(TrialError, match="teacher's trained weights"):
        run_training(settings(distill=TEACHER), 1)
    other = run_training(settings(epochs=1), 1, keeps=True)
    with pytest.raises(ModelError):
        run_training(settings(distill=TEACHER), 1, weights=other.artefact)
