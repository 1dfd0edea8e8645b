"""PURE: when the server checks in by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

BACK_OFF_MINUTES = (1, 2, 5, 15, 60)
JITTER = 0.2
# A server that starts over and over asks no more often than this.
SHORTEST_SECONDS = 60
# A proxy's or a filter's Retry-After must not use up a whole day of the offline budget.
LONGEST_RETRY_AFTER_SECONDS = 3600
# No rule waits longer than the longest interval with its jitter; see `is_due`.
LONGEST_SECONDS = 86_400 * (1 + JITTER)


@dataclass(frozen=True)
class Schedule:
    """Say when the next check-in is due; `random` returns 0 <= x < 1."""

    interval_seconds: int
    random: Callable[[], float]

    def after_success(self, now: datetime) -> datetime:
        """Return the interval from now, give or take a fifth: servers must not come in step."""
        spread = 1 + JITTER * (2 * self.random() - 1)
        return now + timedelta(seconds=self.interval_seconds * spread)

    def after_failure(
        self, now: datetime, failures: int, retry_after_seconds: int | None
    ) -> datetime:
        """Return when to try again after so many failures in a row, this one counted.

        A `Retry-After` puts it off, by an hour at most or by the interval if that is longer.
        """
        again = self._after(now, failures)
        if retry_after_seconds is None:
            return again
        longest = max(LONGEST_RETRY_AFTER_SECONDS, self.interval_seconds)
        return max(again, now + timedelta(seconds=min(retry_after_seconds, longest)))

    def _after(self, now: datetime, failures: int) -> datetime:
        if failures > len(BACK_OFF_MINUTES):
            return self.after_success(now)
        return now + timedelta(minutes=BACK_OFF_MINUTES[max(failures, 1) - 1])


def is_due(next_at: datetime | None, now: datetime) -> bool:
    """Tell whether it is time; what was never planned is due.

    A moment farther away than any rule puts it means that the clock was turned back since: to
    wait for it could take years.
    """
    if next_at is None or next_at <= now:
        return True
    return next_at > now + timedelta(seconds=LONGEST_SECONDS)


def asked_lately(attempted_at: datetime | None, now: datetime) -> bool:
    """Tell whether the vendor was asked less than a minute ago, so that a start need not."""
    if attempted_at is None or attempted_at > now:
        return False
    return now - attempted_at < timedelta(seconds=SHORTEST_SECONDS)
