"""A claim in words, with what a run of it would do: its arms and their differences, its verdicts, trials and costs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from edgebench.claim.claim import Claim
from edgebench.report.describe import describe_claim
from edgebench.report.plan import table, totals
from edgebench.run.plan import Plan


def explain(claim: Claim, plans: Mapping[str, Plan]) -> str:
    """The claim in full, then the plan of every tier.

    Args:
        plans: of the claim alone, by tier.
    """
    parts = [describe_claim(claim)]
    for tier, made in plans.items():
        said = textwrap.indent(f"{table(made)}\n\n{totals(made)}", "  ")
        parts.append(f"what `edgebench run -k {claim.id} --tier {tier}` would do here\n\n{said}")
    return "\n\n".join(parts)
