"""The order of work: most verdicts as early as possible, by simulation against every other order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.claim import Case, Claim, Effect, Tier
from edgebench.run.order import Outlook, promise
from edgebench.run.record import Measured
from edgebench.run.trial import Trial
from tests.run.bench import ALSO, BETTER, CLEAR, Bench, epochs, text


def test_one_look_counts_by_its_cost() -> None:
    assert promise([10.0], [2.0]) == pytest.approx(0.2)
    assert promise([0.0], [1.0]) == float("inf")


def test_an_early_look_that_may_decide_counts_by_its_chance() -> None:
    """A tenth of the work decides half of the time: better than all of the work for all of the verdict."""
    assert promise([1.0, 9.0], [0.5, 1.0]) == pytest.approx(0.5)
    assert promise([1.0, 9.0], [0.01, 1.0]) == pytest.approx(1 / (1 + 0.99 * 9))


costs = st.lists(st.floats(0.1, 100), min_size=2, max_size=4)


@given(costs, st.data())
def test_cases_of_known_length_come_shortest_first(lengths: list[float], data: st.DataObject) -> None:
    """Mean time to a verdict is least over all orders (Smith 1956)."""
    verdicts = [float(data.draw(st.integers(1, 3))) for _ in lengths]

    def waiting(order: Sequence[int]) -> float:
        now = total = 0.0
        for index in order:
            now += lengths[index]
            total += now * verdicts[index]
        return total

    chosen = sorted(range(len(lengths)), key=lambda i: -promise([lengths[i]], [verdicts[i]]))
    assert waiting(chosen) <= min(map(waiting, permutations(range(len(lengths))))) * (1 + 1e-9)


class _Timed(Outlook):
    """Trials take as many seconds as they have epochs."""

    def seconds(self, trial: Trial) -> float | None:
        return float(epochs(trial))


class _Hopeless(_Timed):
    """As timed, and effect `better` is expected to be open until its last look."""

    def decided(
        self, claim: Claim, case: Case, tier: Tier, effect: Effect, looks: Sequence[int]
    ) -> Sequence[float]:
        return [0.0] * (len(looks) - 1) + [1.0] if effect.key == "better" else [1.0] * len(looks)


def order_of(bench: Bench, outlook: Outlook) -> tuple[list[str], list[int]]:
    """Names of the claims in the order in which they are settled, and what was run first to last."""
    clear = bench.claim(text(effects=BETTER), "clear")
    longer = bench.claim(text(effects=ALSO, arms="{a: {epochs: 4}, c: {epochs: 4, batch: 8}}"), "longer")
    session, executor = bench.session(
        lambda trial: Measured({"top1": 90.0 - (trial.seed % 2) / 10 - getattr(trial.settings, "batch", 0)}),
        outlook=outlook,
    )
    for claim in (longer, clear):
        session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
    return [key[0].rsplit("/")[-1] for key, _ in session.settled()], [epochs(t) for t in executor.started]


def test_the_cheaper_case_comes_first(bench: Bench) -> None:
    settled, ran = order_of(bench, _Timed())
    assert ran[:4] == [2, 3, 2, 3], "its first look costs 10, the other one's 16"
    assert sorted(settled) == ["clear.yaml", "longer.yaml"]


def test_a_case_that_will_need_every_look_comes_later(bench: Bench) -> None:
    _, ran = order_of(bench, _Hopeless())
    assert ran[:4] == [4, 4, 4, 4], "16 for a verdict, and not 30 for the one that needs all six seeds"


def test_all_cases_are_settled_whatever_the_order(bench: Bench) -> None:
    claim = bench.claim(text())
    session, _ = bench.session(CLEAR)
    key = session.add(claim, claim.cases[0], claim.cases[0].tiers["smoke"])
    assert [(each, judged) for each, judged in session.settled()] == [(key, session.settle(key))]
