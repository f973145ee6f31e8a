"""A metric for `measure: ["edgebench-example:weight-norm"]`."""

from collections.abc import Iterable

from torch import Tensor, nn


def weight_norm(model: nn.Module, test: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The Euclidean norm of all weights; the test images are not needed for it."""
    return sum(float(weight.detach().square().sum()) for weight in model.parameters()) ** 0.5
