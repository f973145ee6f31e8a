from __future__ import annotations

import sys

from edgebench.measure.properties.tally import Tally


def test_counts_cases_violations_and_the_worst_error() -> None:
    tally = Tally()
    tally.case(holds=True, error=0.0)
    tally.case(holds=True, error=0.5, tolerance=0.5)
    tally.case(holds=True, error=0.6, tolerance=0.5)
    tally.case(holds=False, error=0.0)
    assert tally.measured().metrics == {"cases": 4.0, "violations": 2.0, "max_error": 0.6}


def test_nan_is_a_violation_and_stays_finite() -> None:
    tally = Tally()
    tally.case(holds=True, error=float("nan"), tolerance=1.0)
    assert (tally.violations, tally.max_error) == (1, sys.float_info.max)
