"""What is shown of a run under way."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from rich.console import Console

from edgebench.report.progress import Display, Lines, View, clock, roughly, shown, status
from edgebench.run.job import Progress
from tests.report.fixtures import result_of

NOW = Progress(
    ("micronet on digits, seed 3", "a[b] on c, seed 4"), cached=4, finished=5, waiting=3, left=200.0
)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (NOW, "9 of 12 trials, 4 from the store; 1:05 so far, ~3 min left"),
        (replace(NOW, cached=0, more=True), "5 of 8 trials; 1:05 so far, ~3 min to the next looks"),
        (replace(NOW, unknown=2), "9 of 12 trials, 4 from the store; 1:05 so far, ~3 min + 2 of unknown length left"),
        (replace(NOW, left=None), "9 of 12 trials, 4 from the store; 1:05 so far, unknown time left"),
        (replace(NOW, waiting=0), "9 of 9 trials, 4 from the store; 1:05 so far"),
    ],
)  # fmt: skip
def test_the_status(now: Progress, said: str) -> None:
    assert status(now, 65.0) == said


def test_times() -> None:
    assert [clock(each) for each in (0, 59.9, 60, 3599, 7205)] == ["0:00", "0:59", "1:00", "59:59", "2:00:05"]
    times = (0.0, 8.4, 99, 130, 7300, 3e5)
    assert [roughly(each) for each in times] == ["1 s", "8 s", "99 s", "2 min", "2 h", "3 d"]


def lines(times: Callable[[], float]) -> tuple[Lines, list[str]]:
    said: list[str] = []
    return Lines(said.append, times), said


def test_a_log_has_a_line_for_each_claim_that_was_run() -> None:
    display, said = lines(count().__next__)
    display.settled("demo/early", [result_of("gain", (1.0, 2.0))])
    display.notify(NOW)
    display.settled("demo/stored", [result_of("gain", (1.0, 2.0), trained=0)])
    display.settled("demo/trained", [result_of("gain", (1.0, 2.0)), result_of("loss")])
    assert [each.partition(" (")[0] for each in said] == ["demo/trained: 1 reproduced, 1 failed"]
    assert "9 of 12 trials, 4 from the store; 0:0" in said[0]


def test_a_log_hears_from_a_long_run_now_and_then() -> None:
    seconds = iter([0.0, 59.0, 60.0, 60.0, 60.0, 119.0, 121.0, 121.0, 121.0])
    display, said = lines(seconds.__next__)
    for _ in range(4):
        display.notify(NOW)
    assert said == [
        f"9 of 12 trials, 4 from the store; {time} so far, ~3 min left; {'; '.join(NOW.running)}"
        for time in ("1:00", "2:01")
    ]


def drawn(display: View, width: int, height: int = 25) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(display)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_view_never_breaks_a_line(width: int) -> None:
    display = View()
    assert drawn(display, width) == ["starting"]
    display.notify(NOW)
    first, *running = drawn(display, width)
    assert max(map(len, [first, *running])) <= width
    assert len(running) == 2
    if width == 200:
        assert first.endswith("9 of 12 trials, 4 from the store; 0:00 so far, ~3 min left")
        assert running == ["  micronet on digits, seed 3", "  a[b] on c, seed 4"], "brackets are no markup"


def test_the_view_fits_a_low_terminal() -> None:
    display = View()
    display.notify(replace(NOW, running=tuple(f"trial {number}" for number in range(20))))
    assert drawn(display, 80)[-2:] == ["  trial 7", "  and 12 more"]
    assert drawn(display, 80, height=6)[1:] == ["  trial 0", "  trial 1", "  trial 2", "  and 17 more"]


@pytest.mark.parametrize(
    ("environment", "terminal", "kind"),
    [
        ({"TERM": "xterm"}, True, View),
        ({"TERM": "xterm"}, False, Lines),
        ({"TERM": "dumb"}, True, Lines),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, Lines),
    ],
)
def test_control_characters_are_for_terminals_alone(
    environment: dict[str, str], terminal: bool, kind: type[Display]
) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=terminal, _environ=environment)
    with shown(console) as display:
        assert type(display) is kind
        display.notify(NOW)
        display.settled("demo/trained", [result_of("gain", (1.0, 2.0))])
    assert ("\x1b" in file.getvalue()) is (kind is View)
    assert ("demo/trained: 1 reproduced" in file.getvalue()) is (kind is Lines)


def test_quiet_shows_nothing() -> None:
    file = io.StringIO()
    with shown(Console(file=file), quiet=True) as display:
        display.notify(NOW)
        display.settled("demo/trained", [result_of("gain", (1.0, 2.0))])
    assert file.getvalue() == ""
