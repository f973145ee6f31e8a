"""Theorem 1 of MobileTL: every measured quantity is computed a second time, without autograd or by brute force."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import jacrev
from torch.nn import functional

from edgebench.measure.properties import loss_bound
from edgebench.measure.properties.loss_bound import Case, Path, draw_case, outputs, train
from edgebench.methods.signed import signed_hardswish

BACKWARDS: tuple[Callable[[Tensor], Tensor], ...] = (functional.hardswish, signed_hardswish)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in a trial's process: these tensors are too small to be shared out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawn(count: int, wanted: Callable[[Case], bool] = lambda case: True, seed: int = 3) -> list[Case]:
    source = random.Random(seed)
    found: list[Case] = []
    while len(found) < count:
        case = draw_case(source)
        if wanted(case):
            found.append(case)
    return found


def both(case: Case) -> tuple[Path, Path]:
    exact, signed = (train(case, activation) for activation in BACKWARDS)
    return exact, signed


def hard_swish(z: Any) -> Any:
    return z * np.clip(z + 3, 0, 6) / 6


def slope(z: Any, signed: bool) -> Any:
    """Table 2 of the paper."""
    if signed:
        return (z >= 0).astype(float)
    return np.clip(z + 3, 0, 6) / 6 + z * (np.abs(z) <= 3) / 6


def by_hand(case: Case, signed: bool) -> tuple[list[Any], float, float]:
    """Weights, largest chain-rule gradient and largest gradient by the weights, for linear layers, with numpy alone."""
    weights = [w.flatten(1).numpy().copy() for w in case.start]
    x, y = case.inputs.flatten(1).numpy(), case.targets.flatten(1).numpy()
    factor = gradient = 0.0
    for batch in case.batches:
        values, sums = [x[batch]], []
        for w in weights:
            sums.append(values[-1] @ w.T)
            values.append(hard_swish(sums[-1]))
        upstream = values[-1] - y[batch]
        rows = [np.linalg.norm(upstream, axis=1).max()]
        rows += [np.linalg.norm(value, axis=1).max() for value in values[:-1]]
        rows += [np.linalg.norm(w, axis=1).max() for w in weights[1:]]
        factor = max(factor, *rows)
        steps: list[Any] = []
        for w, value, z in reversed(list(zip(weights, values, sums, strict=False))):
            upstream = upstream * slope(z, signed)
            steps.insert(0, upstream.T @ value / len(batch))
            upstream = upstream @ w
        gradient = max(gradient, math.sqrt(sum((step**2).sum() for step in steps)))
        weights = [w - case.rate * step for w, step in zip(weights, steps, strict=True)]
    return weights, factor, gradient


def test_training_linear_layers_by_hand() -> None:
    for case in drawn(12, lambda case: case.inputs.shape[-1] == 1):
        for path, signed in zip(both(case), (False, True), strict=True):
            weights, factor, gradient = by_hand(case, signed)
            for found, expected in zip(path.weights, weights, strict=True):
                np.testing.assert_allclose(found.flatten(1).numpy(), expected, rtol=1e-10, atol=1e-13)
            assert path.factor == pytest.approx(factor, rel=1e-10)
            assert path.gradient == pytest.approx(gradient, rel=1e-10)
            assert path.elements == max(len(w) for w in weights)


def test_gradients_of_the_chain_rule_by_brute_force() -> None:
    """Every row of every layer's Jacobians, where the layers are convolutions, before the first step."""
    for case in drawn(6, lambda case: case.inputs.shape[-1] > 1 and case.start[0].shape[-1] == 2):
        once = Case(case.start, case.inputs, case.targets, [list(range(8))], case.rate)
        norms = []
        value = case.inputs
        for i, weight in enumerate(case.start):
            by_weights = jacrev(lambda w, value=value: functional.conv2d(value, w))(weight)
            norms.append(float(by_weights.flatten(4).norm(dim=4).max()))
            if i:
                by_input = jacrev(lambda a, weight=weight: functional.conv2d(a, weight))(value[:1])
                norms.append(float(by_input.flatten(4).norm(dim=4).max()))
            value = functional.hardswish(functional.conv2d(value, weight))
        norms.append(float((value - case.targets).flatten(1).norm(dim=1).max()))
        assert train(once, functional.hardswish).factor == pytest.approx(max(norms), rel=1e-12)


def test_the_gradient_of_each_layer_is_within_its_term_of_the_sum() -> None:
    """The step of the proof: at most G Ψ^k by the weights of the k-th layer from the output."""
    for case in drawn(40):
        everything = Case(case.start, case.inputs, case.targets, [list(range(8))], 1.0)
        for activation, steepest in zip(BACKWARDS, (1.5, 1.0), strict=True):
            path = train(everything, activation)
            psi = steepest * math.sqrt(path.elements) * path.factor
            for k, (before, after) in enumerate(zip(case.start[::-1], path.weights[::-1], strict=True), 1):
                assert float((after - before).norm()) <= path.factor * psi**k


def test_the_right_side_is_the_theorem_s() -> None:
    case = drawn(1, lambda case: len(case.start) == 3)[0]
    for psi in (0.01, 0.5, 2.0, 9.0):
        path = Path(case.start, 0.0, 0.0, elements=16)
        largest = psi / 4
        sums = sum(p * (1 - p**3) / (1 - p) for p in (psi, 1.5 * psi))
        expected = case.rate * 7.0 * len(case.batches) * largest * sums
        assert loss_bound.bound(case, path, path, 7.0, largest) == pytest.approx(expected, rel=1e-12)
    # At Ψ̃ = 1 its fraction's limit is L.
    limit = case.rate * len(case.batches) * 0.25 * (3 + 1.5 * (1 - 1.5**3) / (1 - 1.5))
    assert loss_bound.bound(case, path, path, 1.0, 0.25) == pytest.approx(limit, rel=1e-12)


def slopes_at(case: Case, weights: list[Tensor]) -> tuple[float, float]:
    """Norms of the Jacobians of outputs and loss by all weights."""

    def loss(*weights: Tensor) -> Tensor:
        missed = outputs(list(weights), case.inputs) - case.targets
        return 0.5 * missed.square().flatten(1).sum(1).mean()

    places = tuple(range(len(weights)))
    by_weights = jacrev(lambda *weights: outputs(list(weights), case.inputs).flatten(), places)(*weights)
    matrix = torch.cat([each.flatten(1) for each in by_weights], dim=1)
    gradient = torch.cat([each.flatten() for each in jacrev(loss, places)(*weights)])
    return float(torch.linalg.matrix_norm(matrix, 2)), float(gradient.norm())


def test_constants_of_lipschitz() -> None:
    for case in drawn(15):
        exact, signed = both(case)
        least = loss_bound.seen_constants(case, exact, signed)
        most = loss_bound.upper_constants(case, exact, signed)
        between = [
            slopes_at(case, [a + (b - a) * t for a, b in zip(exact.weights, signed.weights, strict=True)])
            for t in np.linspace(0, 1, 9)
        ]
        for i in range(2):
            assert max(slopes[i] for slopes in between) <= most[i]
            assert least[i] <= most[i]
        # The largest slope seen is no less than that between the two ends.
        apart = loss_bound._distance(exact.weights, signed.weights)
        changes = loss_bound._changes(case, exact.weights, signed.weights)
        assert all(change / apart <= m for change, m in zip(changes, least, strict=True))


def test_it_holds_for_every_gradient_of_the_chain_rule() -> None:
    tally = loss_bound.check_cases(100, seed=1)
    assert (tally.cases, tally.violations) == (100, 0)
    # Loose, but not empty.
    assert 1e-4 < tally.max_error < 0.1


def test_it_fails_for_small_gradients_by_the_weights() -> None:
    tally = loss_bound.check_weight_gradient(100, seed=1)
    assert 2 <= tally.violations < 30
    assert tally.max_error > 2
    violated = 0
    for case in drawn(100, seed=1):
        exact, signed = both(case)
        psi = math.sqrt(exact.elements) * max(exact.gradient, signed.gradient)
        if min(loss_bound._ratios(case, exact, signed, proven=True)) > 1:
            violated += 1
            # Two trainings of T steps are at most 2λTG apart, so it takes S(Ψ) + S(Ψ̃) < 2.
            assert sum(psi**k * (1 + 1.5**k) for k in range(1, len(case.start) + 1)) < 2
    assert violated == tally.violations


@pytest.mark.parametrize(("c", "holds"), [(0.01, False), (0.06, False), (0.07, True), (1.0, True)])
def test_one_weight_is_enough(c: float, holds: bool) -> None:
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    case = Case([one], one, functional.hardswish(one) - c, [[0]], 1e-3)
    exact, signed = both(case)
    # (1 - 5/6) λ c apart; M cancels.
    assert loss_bound._distance(exact.weights, signed.weights) == pytest.approx(1e-3 * c / 6, rel=1e-9)
    constant, _ = loss_bound.seen_constants(case, exact, signed)
    left, _ = loss_bound._changes(case, exact.weights, signed.weights)
    assert (left <= loss_bound.bound(case, exact, signed, constant, signed.gradient)) is holds
    assert left <= loss_bound.bound(case, exact, signed, constant, signed.factor)


class _Steep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return functional.hardswish(a)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        return 1000 * upstream[0]


def test_it_notices_a_backward_that_is_too_steep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_bound, "signed_hardswish", _Steep.apply)
    assert loss_bound.check_cases(30, seed=0).violations > 3
