"""The plan of claims whose trials start from another trial's weights: it is listed once, where it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.run.costs import Cost
from edgebench.run.plan import Plan
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from tests import roots
from tests.run.bench import ALSO, BETTER, CLEAR, NOISY, Bench, epochs
from tests.run.pretrained import FIRST, WEIGHTS, first_of, pretrained, ran, settle, started_from
from tests.run.stocked import IDENTITY, stock
from tests.run.test_plan import planned


def listed(made: Plan) -> list[tuple[int, bool]]:
    """(epochs, cached) of the trials that a run may need."""
    return [(epochs(needed.trial), needed.cached) for needed in made.trials.values()]


def finish(path: Path, claim: object, seconds: float = 100.0) -> Store:
    """Add the pretraining's record."""
    store, first = Store(path), first_of(claim)
    record = Record(first.hash, Status.ok, Measured({"top1": 50.0}, artefact=WEIGHTS), seconds)
    store.finish(record, IDENTITY, first.describe(), first.settings_json)
    return store


def test_it_is_listed_once_and_before_what_needs_it(tmp_path: Path) -> None:
    one = roots.load(tmp_path / "claims", started_from(effects=f"{BETTER}\n  {ALSO}"), "one")
    other = roots.load(tmp_path / "claims", started_from("looks: [8]"), "other")
    made = planned([one, other])
    assert listed(made)[:3] == [(FIRST, False), (2, False), (3, False)]
    assert listed(made).count((FIRST, False)) == 1
    assert made.trials[first_of(one).hash].cases == {"demo/one": None, "demo/other": None}
    assert [len(look.missing) for look in made.items[0].looks] == [5, 9, 13]
    assert made.most.trials == 1 + 3 * 6 + 2 * 2


def test_it_costs_what_is_known_of_it(tmp_path: Path) -> None:
    """Of the arms, 10 s each are known; of the pretraining nothing at first."""
    claim = roots.load(tmp_path / "claims", started_from())
    store = stock(tmp_path / "s", claim, NOISY, "ab", range(1))
    made = planned([claim], store)
    assert [look.seconds for look in made.items[0].looks] == [None] * 3
    assert (made.next.trials, made.next.seconds, made.next.unknown) == (3, 20.0, 1)
    store.close()
    # As a plain training of the same settings took.
    store = Store(tmp_path / "s")
    first = first_of(claim)
    store.finish(Record("other", Status.ok, Measured({}), 70.0), IDENTITY, "", first.settings_json)
    made = planned([claim], store)
    assert made.trials[first.hash].cost == Cost(70.0, "timed")
    assert [look.seconds for look in made.items[0].looks] == [90.0, 130.0, 170.0]
    assert (made.most.trials, made.most.seconds, made.most.unknown) == (11, 170.0, 0)
    assert planned([claim], store, workers=50).most.seconds == 70.0
    store.close()


def test_one_that_the_store_has_is_cached_and_costs_nothing(tmp_path: Path) -> None:
    claim = roots.load(tmp_path / "claims", started_from())
    store = finish(tmp_path / "s", claim)
    made = planned([claim], store)
    assert listed(made)[0] == (FIRST, True)
    assert made.cached == 1
    assert [len(look.missing) for look in made.items[0].looks] == [4, 8, 12]
    store.close()


def test_where_its_weights_were_deleted_it_is_to_be_run_again(tmp_path: Path) -> None:
    claim = roots.load(tmp_path / "claims", started_from())
    store = finish(tmp_path / "s", claim)
    for path in store.artefacts.folder.iterdir():
        path.unlink()
    made = planned([claim], store)
    assert listed(made)[0] == (FIRST, False)
    assert made.trials[first_of(claim).hash].cost == Cost(100.0, "timed")
    store.close()


def test_nothing_is_listed_of_one_that_nobody_needs_any_more(tmp_path: Path) -> None:
    claim = roots.load(tmp_path / "claims", started_from())
    store = stock(tmp_path / "s", claim, CLEAR, "ab", range(2))
    made = planned([claim], store)
    assert made.items[0].verdict is not None
    assert listed(made) == [(2, True), (3, True)] * 2
    assert made.most.trials == 0
    store.close()


def test_it_is_needed_with_the_first_look_that_lacks_something(tmp_path: Path) -> None:
    claim = roots.load(tmp_path / "claims", started_from())
    store = stock(tmp_path / "s", claim, NOISY, "ab", range(3))
    made = planned([claim], store)
    first = made.trials[first_of(claim).hash]
    assert (first.is_next, first.spared) == (True, 0.0)
    assert [len(look.missing) for look in made.items[0].looks] == [3, 7]
    store.close()


@pytest.mark.parametrize("script", [CLEAR, NOISY], ids=["clear", "noisy"])
def test_a_session_then_runs_what_was_planned(bench: Bench, script: object) -> None:
    claim = bench.claim(started_from())
    made = planned([claim])
    _, _, executor = settle(bench, claim, pretrained(script))  # type: ignore[arg-type]
    assert made.next.trials <= len(ran(executor)) <= made.most.trials
    assert (len(ran(executor)) == made.next.trials) == (script is CLEAR)
    assert (len(ran(executor)) == made.most.trials) == (script is NOISY)


def test_data_that_are_missing_for_it_stop_no_other_claim(tmp_path: Path) -> None:
    lost = started_from().replace("data: digits, epochs: 9", "data: cifar10, epochs: 9")
    claims = [
        roots.load(tmp_path / "claims", text, name)
        for text, name in ((lost, "lost"), (started_from(), "here"))
    ]
    made = planned(claims)
    assert "the dataset 'cifar10' is not here" in str(made.items[0].error)
    assert made.items[1].error is None
