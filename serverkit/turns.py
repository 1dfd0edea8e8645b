"""Writers of one SQLite file take turns in a line that the kernel keeps.

SQLite itself has a writer that finds another one at work sleep and try again, a little longer
each time: with several workers the disk idles while all sleep, and who came first may be last.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """The line before one database file."""

    def __init__(self, database: str, patience_seconds: float) -> None:
        """Stand in line at a file beside the database."""
        self._path, self.patience = f"{database}-turn", patience_seconds
        # For whoever has the turn: how long to wait for somebody who writes without one.
        self.left = patience_seconds
        # One thread of a process waits in the kernel's line, where nobody can give up; the others
        # wait here, where they can.
        self._lock = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn and keep it; TimeoutError when it does not come."""
        began = time.monotonic()
        if not self._lock.acquire(timeout=self.patience):
            raise TimeoutError("the writers before this one did not finish")
        try:
            with self._at_the_front():
                self.left = max(0.0, began + self.patience - time.monotonic())
                yield
        finally:
            self.left = self.patience
            self._lock.release()

    @contextmanager
    def _at_the_front(self) -> Iterator[None]:
        # Not the database file itself: to close it would end SQLite's own locks on it.
        line = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(line, fcntl.LOCK_EX)
            yield
        finally:
            os.close(line)
