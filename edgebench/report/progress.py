"""How far a run is, on standard error: a live view on a terminal, a plain line now and then everywhere else.

Logs, pipes, dumb terminals and those without colour get lines without any control characters.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from edgebench.report.result import Result
from edgebench.run.job import Progress

_QUIET = 60.0  # seconds after which a log hears that the run still goes on
_SHOWN = 8  # running trials that are named
_BAR = 16


class Display:
    """Is told how far a run is; this one shows nothing."""

    def notify(self, now: Progress) -> None:
        """Whenever anything may have changed."""

    def settled(self, claim: str, results: Sequence[Result]) -> None:
        """When all effects of a claim have an outcome."""


class Lines(Display):
    """A line for each claim for which anything was run, and one after a minute in which there was none.

    Args:
        say: writes one line.
        clock: seconds, for tests.
    """

    def __init__(self, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._started = self._said = clock()
        self._now: Progress | None = None

    def notify(self, now: Progress) -> None:
        self._now = now
        if self._clock() >= self._said + _QUIET:
            self._line("; ".join([self._status(now), *now.running[:_SHOWN]]))

    def settled(self, claim: str, results: Sequence[Result]) -> None:
        if self._now is not None and any(each.trained or each.verdict == "failed" for each in results):
            counts = Counter(each.verdict for each in results)
            verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
            self._line(f"{claim}: {verdicts} ({self._status(self._now)})")

    def _line(self, text: str) -> None:
        self._said = self._clock()
        self._say(text)

    def _status(self, now: Progress) -> str:
        return status(now, self._clock() - self._started)


class View(Display):
    """A bar with the status, and under it the trials that run now; drawn again and again in one place.

    Attributes:
        draw: draws it at once, for what is over before its next turn.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._now: Progress | None = None
        self.draw: Callable[[], object] = lambda: None

    def notify(self, now: Progress) -> None:
        first, self._now = self._now is None, now
        if first:
            self.draw()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._now is None:
            yield Text("starting")
            return
        now = self._now
        line = Table.grid(padding=(0, 1))
        # What does not fit into a narrow terminal is cut, so that no line becomes two.
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        text = Text(status(now, self._clock() - self._started))
        line.add_row(ProgressBar(now.total or None, now.done, width=_BAR), text)
        yield line
        room = max(1, min(_SHOWN, options.size.height - 3))
        for each in now.running[:room]:
            yield Text(f"  {each}", no_wrap=True, overflow="ellipsis")
        if (more := len(now.running) - room) > 0:
            yield Text(f"  and {more} more", no_wrap=True, overflow="ellipsis")


@contextmanager
def shown(console: Console | None = None, *, quiet: bool = False) -> Iterator[Display]:
    """The display that suits the console, standard error if none is given."""
    console = console or Console(stderr=True)
    if quiet:
        yield Display()
    elif not console.is_interactive or console.no_color:
        yield Lines(lambda text: print(text, file=console.file, flush=True))
    else:
        view = View()
        with Live(get_renderable=lambda: view, console=console, transient=True) as live:
            view.draw = live.refresh
            yield view


def status(now: Progress, elapsed: float) -> str:
    """Trials done and in all, those of the store, the time that passed, and that which is left."""
    text = f"{now.done} of {now.total} trials"
    text += f", {now.cached} from the store" if now.cached else ""
    return f"{text}; {clock(elapsed)} so far{_left(now)}"


def _left(now: Progress) -> str:
    """The time left; where verdicts may ask for further seeds, the time up to their next looks."""
    if not now.waiting:
        return ""
    what = "to the next looks" if now.more else "left"
    if now.left is None:
        return f", unknown time {what}"
    unknown = f" + {now.unknown} of unknown length" if now.unknown else ""
    return f", ~{roughly(now.left)}{unknown} {what}"


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: `1:23`, `2:00:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def roughly(seconds: float) -> str:
    """A time as exact as an estimate deserves."""
    for limit, size, unit in ((100, 1, "s"), (100 * 60, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{max(1, round(seconds / size))} {unit}"
    return f"{round(seconds / 86400)} d"
