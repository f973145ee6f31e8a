"""The loop on networks small enough to follow by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgebench.methods.hooks import Method
from edgebench.train.loop import Curves, Diverged, evaluate, fit, train_epoch

IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
LABELS = torch.tensor([0, 1, 1])


class Fails(nn.Module):
    """Returns NaN from its `after`-th training batch on."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.after = after
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += self.training
        out: Tensor = self.linear(x)
        return out * math.nan if self.training and self.seen > self.after else out


def trained(
    model: nn.Module, epochs: int, methods: tuple[Method, ...] = (), smoothing: float = 0.0
) -> Curves:
    curves = Curves()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 1, 0.5)
    batches = [(IMAGES, LABELS), (IMAGES[:1], LABELS[:1])]
    try:
        fit(
            model, batches, [(IMAGES, LABELS)], optimiser=optimiser, schedule=schedule, methods=methods,
            epochs=epochs, label_smoothing=smoothing, curves=curves,
        )  # fmt: skip
    except Diverged:
        curves.lr.append(-1.0)
    return curves


def test_curves_have_one_value_an_epoch() -> None:
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    untrained = evaluate(model, [(IMAGES, LABELS)]).loss
    curves = trained(model, 3)
    assert curves.lr == [0.5, 0.25, 0.125]
    assert [len(values) for values in vars(curves).values()] == [3] * 4
    assert untrained > curves.val_loss[0] > curves.val_loss[2]
    assert curves.val_loss[-1] == pytest.approx(evaluate(model, [(IMAGES, LABELS)]).loss)
    assert curves.train_loss[0] > curves.train_loss[2]


def test_training_loss_is_the_mean_over_batches_of_what_was_optimised() -> None:
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    with torch.no_grad():
        first = cross_entropy(model(IMAGES), LABELS, label_smoothing=0.2).item()
    copy = nn.Linear(2, 2)
    copy.load_state_dict(model.state_dict())
    cross_entropy(copy(IMAGES), LABELS, label_smoothing=0.2).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter -= 0.5 * parameter.grad  # type: ignore[operator]
        second = cross_entropy(copy(IMAGES[:1]), LABELS[:1], label_smoothing=0.2).item()
    assert trained(model, 1, smoothing=0.2).train_loss == [pytest.approx((first + second) / 2)]


@pytest.mark.parametrize(("after", "epochs"), [(0, 0), (1, 0), (2, 1), (5, 2)])
def test_a_loss_that_is_not_finite_ends_the_training(after: int, epochs: int) -> None:
    model = Fails(after)
    curves = trained(model, 4)
    assert model.seen == after + 1, "at once"
    assert curves.lr[-1] == -1.0, "diverged"
    assert len(curves.val_loss) == len(curves.train_loss) == epochs
    assert all(map(math.isfinite, curves.val_loss + curves.train_loss))


def test_a_validation_loss_that_is_not_finite_ends_it_too() -> None:
    class Explodes(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1.0 if self.training else math.inf)

    assert trained(Explodes(2, 2), 2).lr == [-1.0]


def test_methods_act_in_order_and_after_every_epoch() -> None:
    said: list[str] = []

    class Says(Method):
        def __init__(self, name: str) -> None:
            self.name = name

        def batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
            said.append(f"{self.name} {len(images)}")
            return images, labels

        def after_epoch(self, model: nn.Module, epoch: int) -> None:
            said.append(f"{self.name} epoch {epoch}")

    trained(nn.Linear(2, 2), 2, (Says("a"), Says("b")))
    epoch = ["a 3", "b 3", "a 1", "b 1"]
    assert said == [*epoch, "a epoch 1", "b epoch 1", *epoch, "a epoch 2", "b epoch 2"]


def test_scores_are_over_images_not_batches() -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.copy_(torch.eye(2))
        model.bias.zero_()
    whole = evaluate(model, [(IMAGES, LABELS)])
    parts = evaluate(model, [(IMAGES[:2], LABELS[:2]), (IMAGES[2:], LABELS[2:])])
    assert whole.loss == pytest.approx(parts.loss)
    assert whole.correct.tolist() == parts.correct.tolist() == [True, True, False]
    assert whole.top1 == pytest.approx(200 / 3)


def test_scoring_uses_evaluation_mode_and_keeps_no_graph() -> None:
    model = nn.Sequential(nn.Dropout(0.9), nn.Linear(2, 2))
    model.train()
    assert evaluate(model, [(IMAGES, LABELS)]).loss == evaluate(model, [(IMAGES, LABELS)]).loss
    assert all(parameter.grad is None for parameter in model.parameters())


class TwoPasses(Method):
    """A pass with the network as it is, and one of weight 3 with its first weights doubled."""

    def __init__(self) -> None:
        self.epochs: list[tuple[int, int]] = []

    def before_epoch(self, model: nn.Module, epoch: int, epochs: int) -> None:
        self.epochs.append((epoch, epochs))

    def passes(self, model: nn.Module) -> Iterator[float]:
        yield 1.0
        scale(model, 2.0)
        yield 3.0
        scale(model, 0.5)


class Squared(Method):
    def loss(self, logits: Tensor, loss: Tensor) -> Tensor:
        return loss**2 + 0.0 * logits.sum()


def scale(model: nn.Module, factor: float) -> None:
    with torch.no_grad():
        next(model.parameters()).mul_(factor)


def test_a_step_adds_the_gradients_of_its_passes() -> None:
    """Exactly: doubling and halving lose no bit."""
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    other = nn.Linear(2, 2)
    other.load_state_dict(model.state_dict())
    batches = [(IMAGES, LABELS)]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    shown = train_epoch(model, batches, optimiser, [TwoPasses()], 0.0)
    first = cross_entropy(other(IMAGES), LABELS)
    first.backward()  # type: ignore[no-untyped-call]
    scale(other, 2.0)
    (3 * cross_entropy(other(IMAGES), LABELS)).backward()  # type: ignore[no-untyped-call]
    scale(other, 0.5)
    torch.optim.SGD(other.parameters(), lr=0.5).step()
    assert shown == first.item(), "the loss that is shown is the first pass's"
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_methods_may_change_the_loss_of_every_pass() -> None:
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    plain = cross_entropy(model(IMAGES), LABELS).item()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    assert train_epoch(model, [(IMAGES, LABELS)], optimiser, [Squared()], 0.0) == pytest.approx(plain**2)


def test_methods_are_told_of_every_epoch_before_it() -> None:
    method = TwoPasses()
    trained(nn.Linear(2, 2), 3, (method,))
    assert method.epochs == [(1, 3), (2, 3), (3, 3)]
