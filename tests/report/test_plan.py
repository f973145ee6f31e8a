from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgebench.claim.claim import Claim
from edgebench.judge.baseline import Baseline
from edgebench.report.plan import _amount, _percent, _span, table, totals
from edgebench.run.options import Options
from edgebench.run.plan import Plan, plan
from edgebench.run.store import Store
from tests import roots
from tests.run.bench import CLEAR, NOISY, text, top1
from tests.run.stocked import baseline_of, stock

SEEDS = (1.0, 2.0, 1.5, 0.5, 1.2, 0.9)


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    return roots.load(tmp_path / "claims", text())


def planned(*claims: Claim, store: Store | None = None, baseline: Baseline | None = None) -> Plan:
    made = plan(claims, Options(workers=2), store, lambda claim, tier: baseline)
    if store is not None:
        store.close()
    return made


def row(made: Plan, name: str = "better") -> list[str]:
    """The cells of a row."""
    line = next(line for line in table(made).splitlines() if line.startswith(f"  {name} "))
    return re.split(r"\s{2,}", line.strip(), maxsplit=6)


def test_nothing_known_is_a_question_mark(claim: Claim) -> None:
    made = planned(claim)
    assert row(made) == ["better", "0 of 2, 4, 6", "4…12", "?", "?", "0.5", "?"]
    assert totals(made).splitlines() == [
        "effects: 1, of which 0 have a verdict already; without a forecast: 1",
        "trials: 0 in the store; to run: 4 up to the next looks, 12 expected, 12 at most",
        "time on 2 workers: unknown",
        "? no such trial was timed on this machine, nor its time recorded with a baseline",
        "? there is no forecast before two values are known, here or from a baseline",
    ]


def test_an_open_effect(claim: Claim, tmp_path: Path) -> None:
    script = top1(a=lambda seed: 90 + SEEDS[seed], b=lambda seed: 90.0)
    made = planned(claim, store=stock(tmp_path / "s", claim, script, "ab", range(3)))
    name, seeds, runs, time, width, margin, chances = row(made)
    assert (name, seeds, runs, time, margin) == ("better", "3 of 4, 6", "2…6", "~10…30 s", "0.5")
    assert re.fullmatch(r"± [0-9.]+…[0-9.]+", width)
    chance = re.fullmatch(r"(\S+) / +(\S+) / +(\S+) %", chances)
    assert chance is not None
    assert float(chance[3]) == pytest.approx(100 * made.inconclusive, abs=0.5)
    said = totals(made)
    assert "trials: 6 in the store; to run: 2 up to the next looks" in said
    assert re.search(
        r"time on 2 workers: ~10 s up to the next looks, ~[0-9.]+ s expected, ~30 s at most", said
    )
    assert "?" not in said


def test_a_verdict_that_is_there(claim: Claim, tmp_path: Path) -> None:
    made = planned(claim, store=stock(tmp_path / "s", claim, CLEAR, "ab", range(2)))
    assert row(made) == ["better", "2", "–", "–", row(made)[4], "0.5", "reproduced"]
    assert totals(made).splitlines() == [
        "effects: 1, of which 1 have a verdict already; expected to end inconclusive: 0",
        "trials: 4 in the store",
        "nothing has to be run",
    ]


def test_where_a_time_comes_from(claim: Claim, tmp_path: Path) -> None:
    recorded = planned(claim, baseline=baseline_of(claim, SEEDS, seconds=60.0))
    assert row(recorded)[3] == "*2…6 min"
    assert "* time as recorded with the baseline, maybe on another machine" in totals(recorded)
    similar = planned(claim, store=stock(tmp_path / "s", claim, CLEAR, "a", range(2)))
    assert row(similar)[3].startswith("≈")
    assert "≈ time of similar trials here" in totals(similar)


def test_exact_effects_share_a_row(tmp_path: Path) -> None:
    blocks, formula = (roots.load(tmp_path / "claims", each, name) for each, name in
                       ((roots.BLOCKS, "blocks"), (roots.FORMULA, "formula")))  # fmt: skip
    made = planned(blocks, formula)
    assert row(made, "4 effects") == ["4 effects", "exact", "4", "?", "–", "–", "4 to be seen"]
    assert row(made, "exact") == ["exact", "exact", "1", "?", "–", "–", "to be seen"]


def test_what_cannot_be_planned_is_said_once_in_a_line(claim: Claim, tmp_path: Path) -> None:
    lost = roots.load(tmp_path / "claims", text().replace("data: digits", "data: cifar10"), "lost")
    made = planned(lost, claim)
    lines = table(made).splitlines()
    assert lines[2].startswith("demo/lost: ")
    assert lines[4].startswith("    ! the dataset 'cifar10' is not here")
    assert lines[5].startswith("demo/claim: ")
    assert sum("cifar10" in line for line in lines) == 1
    assert "1 cannot be planned" in totals(made)
    assert "nothing has to be run" not in totals(planned(lost))


def test_sharing_is_shown(claim: Claim, tmp_path: Path) -> None:
    other = roots.load(tmp_path / "claims", text(), "other")
    said = " ".join(totals(planned(claim, other)).split())
    assert "sharing spares 12 runs; 12 shared by demo/claim, demo/other" in said


def test_a_hundred_columns(tmp_path: Path) -> None:
    names = ["claim", "a-claim-with-a-name-as-long-as-they-come"]
    claims = [roots.load(tmp_path / "claims", text(), name) for name in names]
    made = planned(*claims, store=stock(tmp_path / "s", claims[0], NOISY, "ab", range(3)))
    assert max(map(len, f"{table(made)}\n{totals(made)}".splitlines())) <= 100


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        ([0.004], "<0.1 s"),
        ([8.0, 25.0], "8…25 s"),
        ([119.0], "119 s"),
        ([60.0, 600.0], "1…10 min"),
        ([3600.0, 36000.0], "1…10 h"),
        ([1e6], "11.6 d"),
        ([30.0, None], "30…? s"),
        ([None, None], "?"),
    ],
)
def test_durations(seconds: list[float | None], shown: str) -> None:
    assert _span(seconds) == shown.replace("11.6", _amount(1e6 / 86400))


def test_nothing_simulated_is_certain() -> None:
    assert [_percent(chance) for chance in (0.0, 0.004, 0.126, 0.5, 0.996, 1.0)] == [
        "<1", "<1", "13", "50", ">99", ">99"
    ]  # fmt: skip
