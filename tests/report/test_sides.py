"""How runs are named in a comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import SettingsError, StoreError
from edgebench.report.sides import Side, find_side
from tests.report.fixtures import log_run, result_of, set_commit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three runs: the first two with torch 2.9.0 at two commits, the last with torch 2.10.0, cut short."""
    path = tmp_path / "store.sqlite"
    log_run(path, result_of("gain", (1.0,)), result_of("loss", (10.0,)))
    log_run(path, result_of("gain", (2.0,)))
    log_run(path, result_of("gain", (3.0,)), result_of("loss", verdict="pending"), torch="2.10.0")
    set_commit(path, 1, "abcd1111")
    set_commit(path, 2, "abcd2222", dirty=True)
    return path


def values(side: Side) -> dict[str, float | None]:
    return {item: entry.result.value for (_, _, item), entry in side.entries.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1", {"gain": 1.0, "loss": 10.0}),
        ("last", {"gain": 3.0, "loss": None}),
        ("last~0", {"gain": 3.0, "loss": None}),
        ("last~2", {"gain": 1.0, "loss": 10.0}),
        ("abcd1", {"gain": 1.0, "loss": 10.0}),
        ("torch=2.9.0", {"gain": 2.0, "loss": 10.0}),
        ("torch=2.10.0", {"gain": 3.0, "loss": None}),
    ],
)
def test_names_of_runs(path: Path, name: str, expected: dict[str, float | None]) -> None:
    assert values(find_side(name, path)) == expected
    elsewhere = path.parent / "elsewhere.sqlite"
    assert values(find_side(f"{path}@{name}", elsewhere)) == expected


def test_a_store_stands_for_its_newest_results(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a time budget left pending has an older result."""
    monkeypatch.chdir(path.parent)
    for name in (str(path), "store.sqlite", "./store.sqlite"):
        assert values(find_side(name, Path("elsewhere"))) == {"gain": 3.0, "loss": 10.0}
    (path.parent / "1").write_text("a file by chance")
    assert values(find_side("1", path)) == {"gain": 1.0, "loss": 10.0}


def test_a_side_says_what_it_is(path: Path) -> None:
    told = find_side("2", path).told
    assert told.startswith("run 2, ")
    assert ", commit abcd222*, torch 2.9.0, A Chip #" in told
    told = find_side(str(path), path).told
    assert told.startswith("the newest results of 3 runs up to 3, ")
    assert "2 commits, torch 2.9.0, 2.10.0" in told


@pytest.mark.parametrize(
    "name",
    ["0", "4", "last~3", "last~x", "ffff", "torch=2.8.0", "torch=", "nonsense", "", "last~" + "9" * 30],
)
def test_unknown_names_say_what_there_is(path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"no run is called '{name}'") as caught:
        find_side(name, path)
    assert "it has runs 1 to 3; torch 2.10.0, 2.9.0; commits abcd222, abcd111" in str(caught.value)
    assert "a run's number, last, last~1, a commit" in str(caught.value)


def test_a_commit_must_be_told_apart(path: Path) -> None:
    with pytest.raises(SettingsError, match="'abcd' begins several commits: abcd1111, abcd2222"):
        find_side("abcd", path)


@pytest.mark.parametrize("name", ["other.sqlite", "./12", "folder/store", "other.sqlite@last", "absent@3"])
def test_a_store_that_is_missing_is_not_made(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    before = sorted(path.parent.iterdir())
    with pytest.raises(StoreError, match="there is no store"):
        find_side(name, path)
    assert sorted(path.parent.iterdir()) == before


def test_a_store_without_runs(tmp_path: Path) -> None:
    log_run(tmp_path / "store.sqlite")
    with pytest.raises(SettingsError, match="there are no runs in this store"):
        find_side("last", tmp_path / "store.sqlite")
