"""Everything that is known of some claims."""

from __future__ import annotations

from pathlib import Path

from edgebench.report.findings.model import Source
from tests import roots
from tests.report.findings.fixtures import BASELINE, FRONT, findings, the_claim, the_tier


def test_papers_claims_tiers_and_items(tmp_path: Path) -> None:
    found = findings(tmp_path, trained=roots.TRAINED, front=FRONT, formula=roots.FORMULA)
    (paper,) = found.papers
    assert (paper.id, paper.title, paper.year) == ("demo", "A demonstration", 2020)
    assert [claim.id for claim in paper.claims] == ["demo/formula", "demo/front", "demo/trained"]
    assert found.tiers == ("smoke",), "nothing is known at short, and nothing of it was asked for"
    assert found.left_out == {"short": 1}
    assert paper.counts("smoke") == {"reproduced": 10, "not run": 1}
    assert paper.holding("smoke") == (2, 2)
    assert found.commit is None
    front = the_claim(found, "demo/front")
    assert (front.arms, front.note) == (("narrow", "wide", "wider"), "A note of the claim.")
    assert front.source.startswith("claim: A wider network")


def test_the_order_of_items_is_the_claims_and_trends_come_last(tmp_path: Path) -> None:
    at = the_tier(findings(tmp_path, front=FRONT), "demo/front")
    assert [item.result.item for item in at.items][:2] == [
        "on-front[train=100,once]",
        "gain[train=100,once]",
    ]
    assert at.items[-1].result.item == "with-images"
    assert [(grid.effect, grid.rows, grid.columns) for grid in at.grids] == [
        ("on-front", ("100", "200"), ("once", "often")),
        ("gain", ("100", "200"), ("once", "often")),
    ]
    assert {each.case for each in at.curves} == {each.case for each in at.fronts}
    assert len({each.case for each in at.curves}) == 4


def test_tiers_that_are_asked_for(tmp_path: Path) -> None:
    found = findings(tmp_path, "paper", "short", trained=roots.TRAINED)
    assert (found.tiers, found.left_out) == (("short", "paper"), {})
    assert [at.name for at in the_claim(found).tiers] == ["short"]
    assert the_tier(found, tier="short").items[0].source is Source.nothing


def test_nothing_known_at_all_is_shown_as_not_run(tmp_path: Path) -> None:
    found = findings(tmp_path, seeds=0, trained=roots.TRAINED)
    assert found.tiers == ("smoke", "short", "paper")
    assert found.papers[0].counts("short") == {"not run": 1}
    assert found.papers[0].holding("short") == (0, 0)


def test_what_it_ran_on_and_how_to_run_it_again(tmp_path: Path) -> None:
    at = the_tier(findings(tmp_path, trained=roots.TRAINED, baseline=BASELINE))
    store, baseline = at.environments
    assert (store.environment.source, store.trials, store.first) == (
        Source.store,
        4,
        "2026-02-01T10:00:00+00:00",
    )
    assert (baseline.environment.source, baseline.environment.facts["torch"]) == (Source.baseline, "2.9.0")
    assert at.command == f"pytest {tmp_path}/claims/demo/trained.yaml --tier smoke"
    assert at.recorded == "2026-01-31 by A. Reviewer: first recording"


def test_broken_files_are_said_and_hide_no_others(tmp_path: Path) -> None:
    found = findings(tmp_path, trained=roots.TRAINED, broken=roots.BROKEN)
    assert [claim.id for claim in found.claims()] == ["demo/trained"]
    (said,) = found.broken
    assert "broken.yaml:5:1" in said
