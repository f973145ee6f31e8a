"""Metrics that other packages add (`measure:` of a training)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from edgebench import plugins


def added(
    names: Sequence[str], model: nn.Module, test: Sequence[tuple[Tensor, Tensor]], *, diverged: bool
) -> dict[str, float]:
    """The metrics of a trained network, by the names that effects give them.

    Args:
        names: `package:name` of each.
        test: un-augmented test batches, (images, labels).
        diverged: those that have a worst value are then left out, because that is their value.

    Raises:
        SettingsError: one that is not installed, or cannot be imported.
    """
    found: dict[str, float] = {}
    for name in names:
        metric = plugins.entry(plugins.Metric, name)
        if not diverged or metric.worst is None:
            measure = plugins.target(plugins.Metric, name, metric.target)
            found[plugins.metric_name(name)] = float(measure(model.eval(), test))
    return found
