"""Who may use this machine's cores: processes that train, many at a time, or one that takes times.

A lock on a file beside the store, which says so to every process that uses this store on this machine: the workers of
pytest-xdist, a second run. Those that run trials hold it together; one that times holds it alone, and gets it only when
nobody else holds it. The kernel gives it back when its holder ends, however it ends.

Runs with another store, or other programs, are not seen: take times on a machine that does nothing else. A Ray cluster
counts as one machine: while a trial of latency runs, a run starts nothing else on any node, and other runs are kept off
only where they share the store and the machine of their driver.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

from edgebench.errors import StoreError

Use = Literal["shared", "alone"]


class Machine:
    """This process's use of the machine.

    Args:
        store: path of the store; the lock's file is made beside it, one for each machine that uses that store.
    """

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(f"{store.name}.{platform.node() or 'machine'}.lock")
        self._file: int | None = None
        self._use: Use | None = None

    def take(self, use: Use) -> bool:
        """Whether the machine is ours for this use; it then stays so until `release`.

        A process holds it for one use at a time, and asks without waiting. Where the system has no such locks
        (Windows), other processes are not seen.

        Raises:
            StoreError: the lock's file cannot be opened.
        """
        if self._use is not None:
            return self._use == use
        try:
            import fcntl
        except ImportError:
            self._use = use
            return True
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._file, (fcntl.LOCK_SH if use == "shared" else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise StoreError(
                f"the lock cannot be used: {error.strerror}",
                where=str(self.path),
                hint="use --store elsewhere",
            ) from None
        self._use = use
        return True

    def release(self) -> None:
        """Give the machine back; nothing when it is not ours."""
        self._use = None
        if self._file is not None:
            os.close(self._file)  # which ends the lock
            self._file = None
