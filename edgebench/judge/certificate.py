"""Transfer certificates: what a claim's shortened runs found, beside what one longer run of them found.

A verdict at a short tier speaks of that budget alone: it is a proxy. A certificate says for each effect whether its
sign and size stayed with a longer schedule, and how much longer that was. It is a committed file, as baselines are, and
belongs to one baseline: where that is recorded anew with other values, the certificate says nothing of it any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from edgebench.claim.fields import Strict, as_tuple
from edgebench.errors import CertificateError
from edgebench.judge.baseline import BaselineEffect, Recorded, Text, as_outcome
from edgebench.judge.baseline_file import dump_document, read_document
from edgebench.judge.expectation import Expectation
from edgebench.judge.statistics import paired_interval, prediction_half_width
from edgebench.judge.transfer import LEVEL, Agreement, sign_agreement, size_agreement
from edgebench.judge.verdict import Outcome

# What rounding the stored numbers may move them by, as a share of the prediction interval of their seeds.
_ROUNDING = 1e-3


def _agreement(value: Any) -> Any:
    return Agreement(value) if isinstance(value, str) and value in list(Agreement) else value


class Side(Strict):
    """What one of the two runs found of an effect, in the effect's own unit."""

    verdict: Annotated[Outcome, BeforeValidator(as_outcome)]
    value: float = Field(description="mean over the seeds")
    interval: Annotated[tuple[float, float], BeforeValidator(as_tuple)] = Field(description="[low, high]")
    seeds: Annotated[tuple[float, ...], BeforeValidator(as_tuple), Field(min_length=2)] = Field(
        description="the value of each seed"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Side:
        if not self.interval[0] <= self.value <= self.interval[1]:
            raise ValueError("the value lies outside its interval")
        return self

    def untrue(self) -> str | None:
        """In what value and interval cannot be those of the seeds; None when they can.

        An interval that is corrected for several looks is wider than Student's, and none is narrower.
        """
        of_seeds, slack = paired_interval(self.seeds, LEVEL), _ROUNDING * prediction_half_width(self.seeds)
        slack += 1e-9 * abs(of_seeds.mean)
        if abs(of_seeds.mean - self.value) > slack:
            return f"its value is {self.value:g}, and the mean of its seeds {of_seeds.mean:g}"
        low, high = self.interval
        if low > of_seeds.low + slack or high < of_seeds.high - slack:
            return f"its interval is [{low:g}, {high:g}], and that of its seeds [{of_seeds.low:g}, {of_seeds.high:g}]"
        return None


class CertifiedEffect(Strict):
    """One effect with both schedules, and whether they agree."""

    sign: Annotated[Agreement, BeforeValidator(_agreement)]
    size: Annotated[Agreement, BeforeValidator(_agreement)]
    short: Side = Field(description="as the baseline of the tier has it")
    longer: Side

    def belongs_to(self, baseline: BaselineEffect) -> bool:
        """Whether the baseline is still the one that was certified."""
        return (baseline.verdict, baseline.value, baseline.interval, baseline.seeds) == (
            self.short.verdict,
            self.short.value,
            self.short.interval,
            self.short.seeds,
        )

    def untrue(self, expectation: Expectation, margin: float) -> str | None:
        """What of it does not follow from its seeds, as the claim is now; None when all does.

        Args:
            expectation, margin: of the effect.
        """
        for name, side in (("short", self.short), ("longer", self.longer)):
            if (said := side.untrue()) is not None:
                return f"'{name}': {said}"
        sign = sign_agreement(self.short.interval, self.longer.interval, expectation)
        size = size_agreement(self.short.seeds, self.longer.seeds, expectation, margin)
        if (self.sign, self.size) == (sign, size):
            return None
        return (
            f"it says that the sign {_says(self.sign)} and the size {_says(self.size)}; by its seeds and the "
            f"claim, the sign {_says(sign)} and the size {_says(size)}"
        )

    @property
    def words(self) -> str:
        """The agreement in a few words: `sign and size agree`, `sign agrees`, `undecided`, …"""
        if self.sign is Agreement.disagrees:
            return "the sign turns"
        if self.sign is Agreement.agrees:
            size = {"agrees": "sign and size agree", "disagrees": "the sign agrees, the size does not"}
            return size.get(self.size, "the sign agrees")
        return {"agrees": "the size agrees", "disagrees": "the size does not agree"}.get(
            self.size, "undecided"
        )


def _says(agreement: Agreement) -> str:
    return f"is {agreement}" if agreement is Agreement.undecided else str(agreement)


class Certificate(Strict):
    """The committed comparison of one claim at one tier with a longer schedule."""

    claim: Text = Field(description="claim id")
    tier: Text = Field(description="the tier whose baseline is certified")
    against: int | Literal["paper"] = Field(
        description="how many times as long the trainings were; or the tier `paper`"
    )
    recorded: Recorded
    environment: dict[str, JsonValue] = Field(default_factory=dict, description="of the longer run")
    effects: Annotated[dict[str, CertifiedEffect], Field(min_length=1)]

    @property
    def length(self) -> str:
        """The longer schedule in a word: `4x` or `paper`."""
        return self.against if isinstance(self.against, str) else f"{self.against}x"

    @model_validator(mode="after")
    def _longer(self) -> Certificate:
        if isinstance(self.against, int) and self.against < 2:
            raise ValueError(f"'against' is {self.against}; expected at least 2, or 'paper'")
        if self.tier == "paper":
            raise ValueError("verdicts of tier paper are no proxies: there is nothing to certify")
        return self


def dump(certificate: Certificate) -> str:
    """The certificate as YAML that `load` gives back equal."""
    return dump_document(certificate.model_dump(mode="python", exclude_defaults=True))


def load(path: Path) -> Certificate:
    """Read a certificate's file.

    Raises:
        CertificateError: missing, unreadable, or not a certificate; every problem with its line and column.
    """
    return read_document(path, Certificate, CertificateError, "there is no certificate")
