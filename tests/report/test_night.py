"""What makes a night red, and what it shows of one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import StoreError
from edgebench.report import night_summary as summary
from edgebench.report.night import Group, Night, group_of, open_night
from edgebench.report.result import Result
from tests.report.fixtures import log_run, result_of

BASELINE = {
    "verdict": "contradicted",
    "subtype": None,
    "value": 1.0,
    "interval": [0.5, 1.5],
    "seeds": [1, 2, 3],
    "tolerance": 0.5,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def kept(item: str = "kept", **changes: Any) -> Result:
    return result_of(item, [1.0, 2.0, 3.0], label="reproduced · proxy", **changes)


def failed(item: str = "broken", **changes: Any) -> Result:
    return result_of(
        item, baseline="not compared", label="failed to run", said=("arm 'a': crashed",), **changes
    )


def pending(item: str = "late") -> Result:
    return result_of(item, verdict="pending", baseline="not compared", said=("the time budget ended",))


def flipped(item: str = "turned") -> Result:
    return kept(item, baseline="flipped", green=False, expected=BASELINE, said=("it is another one",))


@pytest.mark.parametrize(
    ("result", "group"),
    [
        (kept(), Group.kept),
        (kept(baseline="compatible"), Group.kept),
        (kept(baseline="noisy"), Group.kept),
        (flipped(), Group.changed),
        (kept(baseline="drifted"), Group.changed),
        (kept(verdict="invalid", baseline="flipped"), Group.changed),
        (kept(baseline="none"), Group.uncompared),
        (kept(baseline="not compared"), Group.uncompared),
        (kept(baseline="unreadable"), Group.failed),
        (failed(), Group.failed),
        (failed(missing=True), Group.missing),
        (pending(), Group.pending),
    ],
)
def test_groups(result: Result, group: Group) -> None:
    assert group_of(result) is group


def night(path: Path, *results: Result, **options: Any) -> Night:
    log_run(path, *results, **options)
    return open_night(path, "smoke")


def test_only_the_newest_run_counts(path: Path) -> None:
    assert night(path, flipped()).of(Group.changed)
    now = night(path, kept(), pending())
    assert not now.of(Group.changed)
    assert not now.unwatched
    assert (now.judged, [each.item for each in now.of(Group.pending)]) == (1, ["late"])


def test_a_failure_is_forgiven_once(path: Path) -> None:
    assert not night(path, kept(), failed()).unwatched
    log_run(path, kept())  # of other claims, say
    log_run(path, pending("broken"))
    log_run(path, failed(), tier="short")
    assert night(path, kept(), failed()).unwatched == ["failed to run twice in a row: demo/trained::broken"]
    assert not night(path, kept(), kept("broken")).unwatched
    assert not night(path, kept(), failed()).unwatched, "it ran in between"
    for _ in range(2):
        assert not night(path, kept(), failed("elsewhere", missing=True)).unwatched, "never red"


def test_a_night_that_watched_nothing(path: Path) -> None:
    assert night(path, failed(), pending()).unwatched == ["nothing was judged"]
    assert night(path, kept(), ended=False).unwatched[0].startswith("the run was cut off")


def test_an_earlier_night_is_not_taken_for_this_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        open_night(path)
    log_run(path, kept())
    assert open_night(path, within=3600).judged == 1
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + 7300)
    with pytest.raises(StoreError, match="too long ago; expected one that began within the last 2 hours"):
        open_night(path, within=7200)
    with pytest.raises(StoreError, match="no runs at tier paper"):
        open_night(path, "paper")


def test_the_summary_says_first_what_changed(path: Path) -> None:
    slow = kept("slow", moved="since the first one it went far")
    found = summary.night_summary(night(path, kept("a|b"), flipped(), failed(), pending(), slow))
    assert found.startswith("## Claims at tier smoke: 1 changed, 2 as recorded, 1 failed to run, 1 pending\n")
    order = [
        "### Changed",
        "### Failed to run: 1",
        "### Pending: 1",
        "Moved since",
        "### Verdicts",
        "All items",
    ]
    assert sorted(order, key=found.index) == order
    assert (
        "| <code>demo/trained::turned</code> | ✗ FLIPPED | 1 &#91;0.5, 1.5&#93; | 2 &#91;1, 3&#93; | contr"
        in found
    )
    assert "demo/trained::a&#124;b" in found
    assert "| paper | reproduced | failed | pending |" in found
    assert "### Data" not in found
    many = summary.night_summary(night(path, *(failed(str(number)) for number in range(11))))
    assert "red.\n\n<details>\n<summary>All of them</summary>\n\n- <code>demo/trained::0</code>: arm" in many


def test_a_summary_is_never_longer_than_github_takes(path: Path) -> None:
    many = [kept(f"{number:0100}") for number in range(8000)]
    whole = summary.night_summary(Night(night(path, kept()).run, tuple(many)))
    assert len(whole.encode()) < summary.LIMIT
    assert "The table of all items is too long" in whole
    red = [flipped(f"item-{number}") for number in range(8000)]
    cut = summary.night_summary(Night(night(path, kept()).run, tuple(red)))
    assert len(cut.encode()) < summary.LIMIT + 100
    assert cut.startswith("## Claims at tier smoke: 8000 changed")
    assert cut.endswith(" |\n\nThe rest is too long for a summary.\n")


@pytest.mark.parametrize(
    ("results", "colour", "message"),
    [
        ((kept(), pending()), "brightgreen", "1 as recorded, 1 pending"),
        ((kept(), failed()), "yellowgreen", "1 as recorded, 1 failed to run"),
        ((flipped(), failed()), "red", "1 changed, 1 failed to run"),
        ((pending(),), "orange", "1 pending"),
        ((kept(baseline="none"),), "lightgrey", "nothing was held against a baseline"),
    ],
)
def test_badge(path: Path, results: tuple[Result, ...], colour: str, message: str) -> None:
    found = summary.badge(night(path, *results))
    assert (found["color"], found["message"], found["label"]) == (colour, message, "claims (smoke)")
    assert found["isError"] == (colour in ("red", "orange"))
    assert found["schemaVersion"] == 1
