"""When a mail is tried again, and when no more. PURE."""

from datetime import datetime, timedelta

_WAIT_MINUTES = (1, 5, 15, 60, 360)
# Nearly four days: long enough for a mail server that broke down before a weekend.
MOST_ATTEMPTS = 20
# Longer than one delivery may take: until then nobody else takes the mail.
CLAIM_SECONDS = 60


def wait_after(attempt: int) -> timedelta:
    """Return how long after the beginning of the attempt (the first is 1) the next one is due."""
    return timedelta(minutes=_WAIT_MINUTES[min(attempt, len(_WAIT_MINUTES)) - 1])


def is_being_sent(attempts: int, next_attempt_at: datetime, now: datetime) -> bool:
    """Tell whether a waiting mail may be in somebody's hands at this moment."""
    if attempts == 0:
        return False
    taken_at = next_attempt_at - wait_after(attempts)
    return taken_at <= now < taken_at + timedelta(seconds=CLAIM_SECONDS)
