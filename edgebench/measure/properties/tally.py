"""The count that every property keeps of its cases."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from edgebench.run.record import Measured


@dataclass
class Tally:
    """Cases checked so far, how many failed, and the worst relative error."""

    cases: int = 0
    violations: int = 0
    max_error: float = 0.0

    def case(self, *, holds: bool, error: float, tolerance: float = 0.0) -> None:
        """Add a case: violated unless `holds` and the relative error is within the tolerance (NaN is not)."""
        self.cases += 1
        if not (holds and error <= tolerance):
            self.violations += 1
        # Finite, so that a record of a broken operator can still be stored and shown.
        self.max_error = max(self.max_error, error if math.isfinite(error) else sys.float_info.max)

    def measured(self) -> Measured:
        return Measured(
            {
                "cases": float(self.cases),
                "violations": float(self.violations),
                "max_error": self.max_error,
            }
        )
