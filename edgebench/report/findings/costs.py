"""What the arms of a case cost: parameters, operations, bytes and times, where they differ or where the claim asks."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from edgebench.claim.claim import Claim, Effect, Tier
from edgebench.claim.folds import metric_of
from edgebench.claim.metrics import METRICS
from edgebench.report.findings.curves import Trained, arms_of, rounded
from edgebench.report.findings.model import Bar, Bars
from edgebench.run.record import Measured

_COSTS = (
    "params", "macs", "flops", "activation_", "memory.", "model_bytes", "checkpoint_bytes", "bytes.", "step_",
    "batch_ms", "forward_ms", "backward_ms", "infer_ms",
)  # fmt: skip


def is_cost(metric: str) -> bool:
    """Whether a metric is a cost, of which less is better."""
    return metric.startswith(_COSTS)


def costs_of(
    claim: Claim, tier: Tier, case: str, effects: Iterable[Effect], trained: Trained
) -> tuple[Bars, ...]:
    """The costs that the claim's effects read, and those in which arms differ; the former first."""
    read = {metric_of(name) for effect in effects for _, name in effect.value.references}
    found = []
    for metric, table in METRICS[claim.kind].items():
        if not is_cost(metric):
            continue
        bars = tuple(
            bar for arm, parts in arms_of(tier).items() if (bar := _bar(claim, arm, parts, metric, trained))
        )
        if len(bars) > 1 and (metric in read or len({bar.value for bar in bars}) > 1):
            found.append(Bars(case, metric, table.unit, table.summary, bars))
    return tuple(sorted(found, key=lambda bars: bars.metric not in read))


def _bar(claim: Claim, arm: str, parts: tuple[str, ...], metric: str, trained: Trained) -> Bar | None:
    values = [
        value
        for part in parts
        for m in trained.get(part, ())
        if (value := metric_in(m, claim, arm, metric)) is not None
    ]
    if not values:
        return None
    return Bar(arm, rounded(fmean(values)), rounded(min(values)), rounded(max(values)))


def metric_in(measured: Measured, claim: Claim, arm: str, metric: str) -> float | None:
    """An arm's metric in a record, which for latency is that of all arms; None where it was not measured."""
    return measured.metrics.get(f"{arm}/{metric}" if claim.kind == "latency" else metric)
