"""Files that trials leave for others: whole or absent, and found by their content."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import StoreError
from edgebench.run.artefacts import Artefacts
from edgebench.run.record import Measured, Record, Status
from edgebench.run.store import Store
from edgebench.run.trial import ARTEFACT
from tests.faults.recording import Observed

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
WANTED = frozenset({ARTEFACT})
HERE = "identity"


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    return Artefacts(tmp_path / "below" / "artefacts")


def test_what_was_put_is_got_by_its_digest(artefacts: Artefacts) -> None:
    assert not artefacts.has(DIGEST)
    assert not artefacts.folder.exists(), "a store without artefacts has no folder for them"
    assert artefacts.put(CONTENT) == DIGEST
    assert artefacts.has(DIGEST)
    assert artefacts.get(DIGEST) == CONTENT
    assert [path.name for path in artefacts.folder.iterdir()] == [f"{DIGEST}.safetensors"]


def test_the_same_content_is_one_file(artefacts: Artefacts) -> None:
    artefacts.put(CONTENT)
    (path,) = artefacts.folder.iterdir()
    before = path.stat().st_mtime_ns
    assert artefacts.put(CONTENT) == DIGEST
    assert [(each, each.stat().st_mtime_ns) for each in artefacts.folder.iterdir()] == [(path, before)]


def test_one_that_is_missing_is_an_error(artefacts: Artefacts) -> None:
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        artefacts.get(DIGEST)


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b" ", b"W" + CONTENT[1:]])
def test_one_that_was_damaged_is_an_error_that_names_the_file(artefacts: Artefacts, content: bytes) -> None:
    artefacts.put(CONTENT)
    (path,) = artefacts.folder.iterdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged") as raised:
        artefacts.get(DIGEST)
    error = raised.value
    assert (error.where, error.expected) == (str(path), DIGEST)
    assert hashlib.sha256(content).hexdigest() in error.found
    assert error.hint is not None
    assert "delete it" in error.hint


@pytest.mark.parametrize(
    "failing",
    [
        pytest.param(
            "fsync",
            marks=pytest.mark.fault(
                "disk", "a full disk while weights are kept", "`fsync` made to fail with ENOSPC"
            ),
        ),
        "replace",
    ],
)
def test_a_full_disk_is_an_error_and_leaves_nothing(
    artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch, failing: str, observed: Observed
) -> None:
    artefacts.put(b"another")
    before = sorted(artefacts.folder.iterdir())

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(StoreError, match=r"7000 bytes cannot be written: No space left") as raised:
        artefacts.put(CONTENT)
    assert raised.value.where == str(artefacts.folder)
    assert sorted(artefacts.folder.iterdir()) == before
    left = (
        "as it was, and nothing is beside it" if sorted(artefacts.folder.iterdir()) == before else "not alone"
    )
    observed(said=str(raised.value), file=left)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        Artefacts(tmp_path / "file" / "artefacts").put(CONTENT)


def test_an_interrupted_writer_leaves_nothing(artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        artefacts.put(CONTENT)
    assert list(artefacts.folder.iterdir()) == []


def put(folder: Path) -> None:
    for number in range(20):
        assert Artefacts(folder).put(CONTENT + bytes([number]))


def test_many_may_put_the_same_at_once(artefacts: Artefacts) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put, args=(artefacts.folder,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    files = list(artefacts.folder.iterdir())
    assert len(files) == 20
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


# In the store.


def done(artefact: bytes | None = CONTENT) -> Record:
    return Record("t", Status.ok, Measured({"top1": 97.5}, {"val_top1": (90.0,)}, artefact=artefact), 1.5)


def test_a_record_names_its_artefact_and_does_not_contain_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.finish(done(), HERE, "a trial")
    found = store.get("t", HERE)
    assert found is not None
    expected = Measured({"top1": 97.5}, {"val_top1": (90.0,)}, artefact_digest=DIGEST)
    assert found.measured == expected
    assert store.artefacts.folder == tmp_path / "artefacts"
    assert store.artefacts.get(DIGEST) == CONTENT
    ((measured,),) = store.rows("SELECT measured FROM record", ())
    assert json.loads(measured)["artefact"] == DIGEST
    assert len(measured) < 300
    store.close()


def test_records_without_an_artefact_are_stored_as_ever(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.finish(done(None), HERE, "a trial")
    ((measured,),) = store.rows("SELECT measured FROM record", ())
    assert set(json.loads(measured)) == {"metrics", "curves", "diverged"}
    found = store.get("t", HERE)
    assert found is not None
    assert found.measured is not None
    assert (found.measured.artefact, found.measured.artefact_digest) == (None, None)
    store.close()


def test_a_record_whose_artefact_was_deleted_is_served_to_those_alone_that_do_not_want_it(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.finish(done(), HERE, "a trial")
    for path in store.artefacts.folder.iterdir():
        path.unlink()
    served = store.get("t", HERE)
    assert served is not None
    assert served.measured == Measured({"top1": 97.5}, {"val_top1": (90.0,)})
    assert store.get("t", HERE, WANTED) is None
    assert store.acquire("t", HERE, 60, WANTED) is None, "ours to run"
    store.finish(done(), HERE, "a trial")
    assert store.get("t", HERE, WANTED) is not None
    store.close()


def test_a_trial_that_is_run_again_without_its_artefact_keeps_the_one_that_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.finish(done(), HERE, "a trial")
    store.finish(done(None), HERE, "a trial")
    found = store.get("t", HERE, WANTED)
    assert found is not None
    assert found.measured is not None
    assert found.measured.artefact_digest == DIGEST
    store.close()


def test_of_a_diverged_trial_no_artefact_is_wanted(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    store.finish(Record("t", Status.diverged, Measured({}, diverged=True), 1.0), HERE, "a trial")
    assert store.get("t", HERE, WANTED) is not None
    store.close()


def test_where_the_artefact_cannot_be_written_there_is_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store.sqlite")

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StoreError, match="No space left"):
            store.finish(done(), HERE, "a trial")
    assert store.get("t", HERE) is None
    store.close()


@pytest.mark.fault(
    "driver",
    "the command ends between a trial's weights and its record",
    "an interrupt after the file of the weights, before the row that names it",
)
def test_a_kill_between_file_and_row_leaves_a_file_too_many_at_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, observed: Observed
) -> None:
    store = Store(tmp_path / "store.sqlite")

    def killed() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "transaction", killed)
        with pytest.raises(KeyboardInterrupt):
            store.finish(done(), HERE, "a trial")
    store.close()
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        assert db.execute("SELECT count(*) FROM record").fetchone() == (0,)
    db.close()
    again = Store(tmp_path / "store.sqlite")
    assert again.artefacts.has(DIGEST)
    assert again.get("t", HERE) is None
    again.finish(done(), HERE, "a trial")
    assert again.get("t", HERE) is not None
    observed(
        integrity=again.rows("PRAGMA integrity_check")[0][0],
        again="the trial",
    )
    again.close()
