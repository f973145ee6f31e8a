"""The tables of the history: what changed from run to run, and how far it is from the accepted baselines."""

from __future__ import annotations

import datetime
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import BaselineError, StoreError
from edgebench.judge.baseline import Baseline, BaselineEffect, First
from edgebench.judge.verdict import Outcome
from edgebench.report.history import Entry, claim_history, entries_for, entries_of, run_list
from edgebench.run.database import Database
from edgebench.run.history import runs
from tests.judge.fixtures import baseline_of
from tests.report.fixtures import log_run, result_of, set_commit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def entries(path: Path) -> list[Entry]:
    with closing(Database(path)) as store:
        return entries_for(store, "demo/trained")


def effect(value: float, **changes: Any) -> BaselineEffect:
    seeds = (value - 0.1, value, value + 0.1)
    return BaselineEffect(
        verdict=Outcome.reproduced,
        value=value,
        interval=(value - 0.3, value + 0.3),
        seeds=seeds,
        tolerance=0.5,
        **changes,
    )


def stored(**effects: BaselineEffect) -> dict[str, Baseline | BaselineError | None]:
    return {"smoke": baseline_of(**effects)}


def row(text: str, number: int) -> list[str]:
    """The cells of a run's row."""
    (found,) = [line for line in text.splitlines() if line.strip().startswith(f"{number}  ")]
    return found.split()


def test_the_list_of_runs(path: Path) -> None:
    log_run(path, result_of("gain", (1.0, 2.0)), result_of("loss"), command="edgebench run " + "x" * 50)
    log_run(path, result_of("gain", (1.0, 2.0), verdict="contradicted"), torch="2.10.0", ended=False)
    set_commit(path, 1, "0123456789", dirty=True)
    with closing(Database(path)) as store:
        listed = [(run, [entry.result for entry in entries_of(store, run)]) for run in runs(store)]
    text = run_list(listed)
    lines = text.splitlines()
    assert lines[0].split() == [
        "run", "when", "command", "tier", "commit", "torch", "items", "verdicts", "red",
    ]  # fmt: skip
    assert row(text, 1)[-8:] == ["0123456*", "2.9.0", "2", "1", "R,", "1", "F", "1"]
    assert row(text, 2)[-6:] == ["–", "2.10.0", "1", "1", "C", "–"]
    assert lines[-2:] == ["R reproduced, C contradicted, F failed", "killed, or still going on: 2"]
    assert max(map(len, lines)) <= 100


def test_an_item_goes_from_run_to_run(path: Path) -> None:
    """A change is against the last value of the same machine and versions, whatever ran in between."""
    log_run(path, result_of("gain", (1.0, 2.0)))
    log_run(path, result_of("gain", (5.0, 6.0)), torch="2.10.0")
    log_run(path, result_of("gain"))
    log_run(path, result_of("gain", (1.0, 2.25), baseline="drifted", green=False))
    log_run(path, result_of("gain", (1.0, 2.25), moved="since then"))
    log_run(path, result_of("gain", (1.0, 2.0), expression="plain.top1"), identity={"processor": "Another"})
    log_run(path, result_of("gain", (3.0, 2.0), expression="plain.top1"))
    text = claim_history(entries(path), None, 20)
    assert text.startswith(
        "demo/trained: It learns (Table 1)\n\ngain at smoke: plain.top1  > 0, margin 0.5, "
    )
    assert row(text, 1)[3:] == ["2.9.0", "A", "2", "1.5", "[1,", "2]", "–", "reproduced", "✓"]
    assert row(text, 2)[3:] == ["2.10.0", "A", "2", "5.5", "[5,", "6]", "–", "reproduced", "✓"]
    assert row(text, 3)[5:] == ["–", "–", "–", "failed", "✓"]
    assert row(text, 4)[-5:] == ["2.25]", "+0.125", "reproduced", "✗", "DRIFTED"]
    assert row(text, 5)[-4:] == ["=", "reproduced", "✓", "moved"]
    assert row(text, 6)[4] == "B"
    assert row(text, 6)[-3] == "–"
    assert "other effect" in " ".join(row(text, 7))
    assert "A: A Chip #" in text
    assert "B: Another #" in text
    assert max(map(len, text.splitlines())) <= 100


def test_tiers_and_items_are_kept_apart(path: Path) -> None:
    log_run(path, result_of("gain", (1.0, 2.0)), result_of("loss", (1.0, 2.0)))
    log_run(path, result_of("gain", (9.0, 9.5), tier="short"))
    headings = [line for line in claim_history(entries(path), {}, 20).splitlines() if "margin" in line]
    assert [line.split(":")[0] for line in headings] == [
        "gain at smoke",
        "loss at smoke",
        "gain at short",
    ]


def test_older_runs_are_counted(path: Path) -> None:
    for value in (1.0, 2.0, 3.0):
        log_run(path, result_of("exact", (value,)))
    text = claim_history(entries(path), {}, 2)
    assert "1 older ones are left out; --limit 3 shows all" in text
    assert row(text, 2)[-3:] == ["+1", "reproduced", "✓"], "against the one that is left out"
    assert "left out" not in claim_history(entries(path), {}, 3)
    assert "there is no baseline at tier smoke" in text


def test_the_distance_to_a_first_baseline(path: Path) -> None:
    log_run(path, result_of("gain", (1.0, 1.25, 1.5)))
    text = claim_history(entries(path), stored(gain=effect(1.0)), 20)
    assert text.count("accepted") == 1
    assert (
        "first and last accepted 2026-01-31: 1 ± 0.5, reproduced; "
        "the newest value is +0.25 away (50% of the tolerance)" in text
    )
    assert "MOVED" not in text
    same = claim_history(entries(path), stored(gain=effect(1.25 + 1e-9)), 20)
    assert "; the newest value is the same" in same


def test_drift_from_the_first_is_told_beside_that_from_the_last(path: Path) -> None:
    """Each step was small enough, or accepted; the newest value is compared with both ends of the line."""
    first = First(when=datetime.date(2025, 5, 5), verdict=Outcome.reproduced, value=0.25, tolerance=0.5)
    log_run(path, result_of("gain", (1.0, 1.25, 1.5)))
    log_run(path, result_of("gain"))
    text = claim_history(entries(path), stored(gain=effect(1.0, first=first)), 20)
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("first accepted"))
    assert lines[start : start + 3] == [
        "first accepted 2025-05-05: 0.25 ± 0.5, reproduced; the newest value is +1 away (200% of the tolerance)",
        "last accepted 2026-01-31: 1 ± 0.5, reproduced; the newest value is +0.25 away (50% of the tolerance)",
        "MOVED since the first accepted baseline (2025-05-05) the value went from 0.25 to 1.25, a change of +1 "
        "where its tolerance was 0.5",
    ]
    near = first.model_copy(update={"value": 1.0})
    assert "MOVED" not in claim_history(entries(path), stored(gain=effect(1.0, first=near)), 20)


def test_what_cannot_be_compared_is_said(path: Path) -> None:
    log_run(path, result_of("gain"))
    only = claim_history(entries(path), stored(gain=effect(1.0)), 20)
    assert "first and last accepted 2026-01-31: 1 ± 0.5, reproduced\n" in only
    assert "there is no baseline at tier smoke" in claim_history(entries(path), stored(loss=effect(1.0)), 20)
    broken = BaselineError("it is broken", where="baselines/b.yaml")
    assert "baselines/b.yaml: it is broken" in claim_history(entries(path), {"smoke": broken}, 20)
    assert "there is no such claim here any more" in claim_history(entries(path), None, 20)


def test_results_that_are_none_are_named(path: Path) -> None:
    log_run(path, result_of("gain"))
    with closing(Database(path)) as store:
        with store.transaction() as db:
            db.execute("UPDATE result SET content = '{}'")
        with pytest.raises(StoreError, match=r"a result of run 1, by EdgeBench .*, cannot be read"):
            entries_for(store, "demo/trained")
