"""A clock that tests turn by hand."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FakeClock:
    """Stand still until told to advance; wall and monotonic clock can be turned apart."""

    def __init__(self, start: datetime = NOON) -> None:
        self.wall = start
        self.ticks = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds

    def turn_wall(self, seconds: float) -> None:
        """Turn only the wall clock, as an operator or a bad time server would."""
        self.wall += timedelta(seconds=seconds)
