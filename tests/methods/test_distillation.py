"""Distillation against the formula written out, and at both ends of its weight."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgebench.methods.distillation import Distillation

IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 2.0]])
LABELS = torch.tensor([0, 1, 1])


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5))


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> float:
    """KL(teacher ‖ student), image by image and class by class."""
    total = 0.0
    for ours, theirs in zip(student.tolist(), teacher.tolist(), strict=True):
        p = [math.exp(x / temperature) for x in theirs]
        q = [math.exp(x / temperature) for x in ours]
        for a, b in zip(p, q, strict=True):
            total += a / sum(p) * math.log(a / sum(p) / (b / sum(q)))
    return total / len(student)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_loss_is_the_sum_of_both(temperature: float, weight: float) -> None:
    teacher = network(1)
    method = Distillation(teacher, temperature, weight)
    assert method.batch(IMAGES, LABELS) == (IMAGES, LABELS)
    logits = network(2).eval()(IMAGES)
    plain = cross_entropy(logits, LABELS)
    with torch.no_grad():
        wanted = temperature**2 * divergence(logits, teacher.eval()(IMAGES), temperature)
    found = method.loss(logits, plain)
    assert found.item() == pytest.approx((1 - weight) * plain.item() + weight * wanted, rel=1e-5)


def test_a_student_that_agrees_has_nothing_to_learn() -> None:
    teacher = network(1)
    method = Distillation(teacher, 4.0, 1.0)
    method.batch(IMAGES, LABELS)
    logits = teacher.eval()(IMAGES).detach().requires_grad_()
    method.loss(logits, logits.sum()).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-6


def test_gradients_of_soft_targets_keep_their_size_at_high_temperatures() -> None:
    """Hinton et al. 2015, section 2.1: they go with 1/T², which the loss's T² makes up for."""
    sizes = []
    for temperature in (50.0, 500.0):
        method = Distillation(network(1), temperature, 1.0)
        method.batch(IMAGES, LABELS)
        logits = network(2).eval()(IMAGES).detach().requires_grad_()
        method.loss(logits, logits.sum()).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        sizes.append(logits.grad.norm().item())
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_the_teacher_does_not_train() -> None:
    teacher = network(1)
    method = Distillation(teacher, 4.0, 0.9)
    method.batch(IMAGES, LABELS)
    logits = network(2)(IMAGES)
    method.loss(logits, cross_entropy(logits, LABELS)).backward()  # type: ignore[no-untyped-call]
    assert not teacher.training
    assert all(parameter.grad is None for parameter in teacher.parameters())
