"""What ends a command from outside: signals, answered like Ctrl-C, and an output that cannot be written."""

from __future__ import annotations

import atexit
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType

import typer

from edgebench.cli.options import INTERRUPTED

# By a batch system or `kill`, and by the end of a terminal or a connection; Windows has no such second one.
_NAMES = {"SIGTERM": "terminated", "SIGHUP": "the terminal was closed"}
_ANSWERED = {getattr(signal, name): why for name, why in _NAMES.items() if hasattr(signal, name)}

#: Exit statuses of commands that were ended from outside, with why; as shells count them.
STOPPED: Mapping[object, str] = {INTERRUPTED: "interrupted"} | {
    128 + each: why for each, why in _ANSWERED.items()
}


#: Errors of the system that are nobody's mistake here: no space, a quota, a limit, a device that is gone.
OUTSIDE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextmanager
def leaves_in_order() -> Iterator[None]:
    """Make such a signal end the command by way of all its `finally`; one that was to be ignored (nohup) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt = signal.getsignal(signal.SIGINT)
    ours = [each for each in _ANSWERED if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, _leave)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is not interrupt:
            signal.signal(signal.SIGINT, interrupt)
            # For what Python does on its way out, where a traceback would be all that one more Ctrl-C gives.
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def say_last(text: str) -> None:
    """Say on standard error why the command ends, if anybody is there to hear it; Ctrl-C does nothing from then on."""
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        typer.echo(text, err=True)


def unwritten(error: OSError) -> str:
    """What to say of an output that cannot be written; what is left of it is dropped."""
    # Else Python tries again to write that on its way out, and fails with a status of its own.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    what = error.filename or "the output"
    return (
        f"{what} cannot be written: {error.strerror} (free some space; finished trials are kept in the store)"
    )


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
