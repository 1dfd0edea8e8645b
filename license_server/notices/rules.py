"""Which notice is due: of an expiry that comes near, and of a server that fell silent. PURE."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

# The most urgent last.
THRESHOLD_DAYS = (60, 30, 14, 7, 1)


def due_threshold(expires_at: date, told: Collection[int], now: datetime) -> int | None:
    """Return the days before the expiry for which a notice is due now, or None.

    `told` are the thresholds of this date that the customer had a notice of. Of several that
    have been reached only the most urgent counts, and once it was told the others never do:
    also not when the clock is turned back.
    """
    left = datetime.combine(expires_at, time(), UTC) - now
    if left <= timedelta(0):
        return None
    reached = [days for days in THRESHOLD_DAYS if left <= timedelta(days=days)]
    if not reached or any(days <= reached[-1] for days in told):
        return None
    return reached[-1]


def is_silent(last_check_in_at: datetime, max_offline_days: int, now: datetime) -> bool:
    """Tell whether half of the days that a server may go without a reply have passed."""
    return now >= last_check_in_at + timedelta(days=max_offline_days) / 2
