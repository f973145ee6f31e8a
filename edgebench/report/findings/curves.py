"""Learning curves of a case: each arm's mean over its seeds, with the band that they fill."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from edgebench.claim.claim import Claim, Tier
from edgebench.claim.metrics import METRICS
from edgebench.report.findings.model import Band, Curves
from edgebench.run.record import Measured

# What a reader looks for first; others follow in the order of the table of metrics.
_FIRST = ("val_top1", "val_loss", "train_loss")
_DIGITS = 5  # significant: more than a screen can show

Trained = Mapping[str, Sequence[Measured]]  # by name among the tier's arms, in the order of the seeds


def curves_of(claim: Claim, tier: Tier, case: str, trained: Trained) -> tuple[Curves, ...]:
    """The curves of all arms; none for kinds that have no epochs.

    Folds of a cross-validated arm count as further curves of that arm.
    """
    arms = arms_of(tier)
    known = [name.removeprefix("curve.") for name in METRICS[claim.kind] if name.startswith("curve.")]
    found = []
    for metric in sorted(known, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)):
        bands = [
            band(
                arm,
                [m.curves[metric] for part in parts for m in trained.get(part, ()) if m.curves.get(metric)],
            )
            for arm, parts in arms.items()
        ]
        if some := tuple(each for each in bands if each is not None):
            table = METRICS[claim.kind][f"curve.{metric}"]
            found.append(Curves(case, metric, table.unit, table.summary, some))
    return tuple(found)


def band(arm: str, curves: Sequence[Sequence[float]]) -> Band | None:
    """The band of some curves, which need not be equally long; None without any."""
    longest = max(map(len, curves), default=0)
    if not longest:
        return None
    # A training that diverged or stopped early has no value from there on.
    epochs = [[curve[epoch] for curve in curves if epoch < len(curve)] for epoch in range(longest)]
    return Band(
        arm,
        len(curves),
        tuple(rounded(fmean(values)) for values in epochs),
        tuple(rounded(min(values)) for values in epochs),
        tuple(rounded(max(values)) for values in epochs),
    )


def arms_of(tier: Tier) -> dict[str, tuple[str, ...]]:
    """The arms as the claim names them, in its order, with the names of what is trained for each."""
    whole = {fold: arm for arm, folds in tier.folds.items() for fold in folds}
    return {arm: tier.parts(arm) for arm in dict.fromkeys(whole.get(name, name) for name in tier.arms)}


def rounded(value: float) -> float:
    """The value at as many digits as a plot can show; it keeps the size of a report down."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else value
