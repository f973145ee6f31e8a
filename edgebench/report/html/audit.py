"""The audit of the judge as a part of the page: its tables, and the power curves."""

from __future__ import annotations

from typing import Any

from edgebench.judge.audit.audit import Audit
from edgebench.judge.audit.simulation import SHIFTS
from edgebench.report.audit import closing, power, sections
from edgebench.report.html.figure import Figure


def audit_part(audit: Audit) -> dict[str, Any]:
    """What the template shows of an audit."""
    figure = power_figure(audit) if audit.simulated.power else None
    return {
        "closing": closing(audit),
        "failures": audit.failures(),
        "sections": sections(audit),
        "figure": figure,
        "data": {}
        if figure is None
        else {
            "arms": [each["arm"] for each in figure.data["arms"]],
            "figures": {
                "audit": {"kind": figure.kind, "data": figure.data, "head": figure.head, "rows": figure.rows}
            },
        },
    }


def power_figure(audit: Audit) -> Figure:
    """How often a shift is found, by its size, one curve for each schedule of looks."""
    table = power(audit)
    found = audit.simulated.power
    half = [
        f"{row[0]}: {shift:g} sd"
        for row, each in zip(table.rows, found, strict=True)
        for shift in [next((s for s, rate in zip(SHIFTS, each.by_shift, strict=True) if rate >= 80), None)]
        if shift is not None
    ]
    return Figure(
        kind="power",
        title="Shifts that are found, by their size",
        case="",
        said="The least of the shifts drawn that is found four times out of five, by looks: "
        + "; ".join(half),
        head=table.head,
        rows=table.rows,
        data={
            "shifts": list(SHIFTS),
            "arms": [
                {"arm": row[0], "rates": [round(rate, 1) for rate in each.by_shift]}
                for row, each in zip(table.rows, found, strict=True)
            ],
        },
    )
