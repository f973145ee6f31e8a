"""The campaign finds what it is there to find, and says the same of the same input every time."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from random import Random

import pytest

from edgebench.errors import DataError
from tools.fuzz import __main__ as command
from tools.fuzz import campaign, guard
from tools.fuzz.targets import TARGETS


class Reader:
    """Reads a byte as what it should do."""

    name = "reader"

    def __init__(self, folder: Path | None = None) -> None:
        pass

    def sample(self, random: Random) -> bytes:
        return random.randbytes(30)

    def feed(self, data: bytes) -> bool:
        with guard.watched():
            if b"v" in data:
                raise ValueError("found a v")
            if b"w" in data:
                warnings.warn("found a w", UserWarning, stacklevel=1)
            if b"t" in data:
                began = time.process_time()
                while time.process_time() - began < campaign.LIMIT_SECONDS * 1.2:
                    pass
            if b"p" in data:
                os.system("true")
        if b"e" in data:
            guard.said(DataError("found \x1b[31m, which is escaped"))
            return False
        guard.shown(data.decode("latin-1"))
        return True


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a v", "ValueError: found a v"), (b"a w", "UserWarning"), (b"a t", "took 0."),
        (b"a p", "Forbidden: os.system"), (b"\x1b", "Unreadable"), (b"\x9b", "Unreadable"),
    ],
)  # fmt: skip
def test_what_no_reader_may_do(data: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "LIMIT_SECONDS", 0.05)
    (failure,) = campaign.one(Reader(), data).failures
    assert failure.error.startswith(words)


def test_what_they_may() -> None:
    assert campaign.one(Reader(), b"fine").accepted == 0
    assert campaign.one(Reader(), b"fine").refused == 1
    assert campaign.one(Reader(), b"ok").accepted == 1


def test_an_input_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "HANG_SECONDS", 1)
    monkeypatch.setattr(Reader, "feed", lambda self, data: time.sleep(60))
    (failure,) = campaign.one(Reader(), b"").failures
    assert failure.error == "no end after 1 s"


def test_a_failure_is_made_smaller() -> None:
    (failure,) = campaign.one(Reader(), b"a long cord, a v in gold, and so on").failures
    assert campaign.minimised(Reader(), failure).data == b"v"


@pytest.mark.parametrize("name", ["claims", "expressions", "npz", "pickles"])
def test_an_input_is_made_of_its_number_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("EDGEBENCH_DATA", "")
    one, other = (TARGETS[name](tmp_path / each) for each in ("one", "other"))
    numbers = (3, 41, 7)
    before = [campaign.sample(one, 5, number) for number in numbers]
    assert [campaign.sample(other, 5, number) for number in reversed(numbers)] == before[::-1]
    assert campaign.sample(one, 6, 3) != before[0]


def test_the_command_says_what_failed_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "TARGETS", {"reader": Reader})
    monkeypatch.setattr(command, "limit_memory", lambda: None)
    monkeypatch.setattr(Reader, "sample", lambda self, random: b"a v")
    assert command.main(["reader", "--count", "3", "--keep", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "reader: 3 inputs, 0 accepted, 0 refused, 3 failed" in out
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"v"]
    monkeypatch.setattr(Reader, "sample", lambda self, random: b"ok")
    assert command.main(["reader", "--count", "3"]) == 0
