"""The two clocks a server reads, as an argument instead of a global."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tell the time of day and the time that passed."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime."""

    def monotonic(self) -> float:
        """Return seconds that only rise, from an arbitrary start."""


class SystemClock:
    """Read the machine's clocks."""

    def now(self) -> datetime:
        """Return the machine's wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic clock in seconds."""
        return time.monotonic()
