"""Moments and days as the license counts and says them. PURE.

Signed dates lie before the year 9000, so no sum with the signed days leaves the calendar.
"""

from datetime import UTC, date, datetime, time, timedelta

DAY = timedelta(days=1)

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def moment(seconds: int) -> datetime:
    """Return seconds since 1970 as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def midnight(day: date) -> datetime:
    """Return the first moment of a calendar date, UTC."""
    return datetime.combine(day, time(), UTC)


def whole_days(span: timedelta) -> int:
    """Return the days of a span, rounded down: -1 second is day -1."""
    return span // DAY


def begun_days(span: timedelta) -> int:
    """Return the days of a span, each begun day counted; nothing is left of a negative span."""
    return max(0, -(-span // DAY))


def spoken_date(when: datetime | date) -> str:
    """Return a date for a sentence, the same in every locale: `14 March 2027`."""
    day = when.astimezone(UTC).date() if isinstance(when, datetime) else when
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def spoken_moment(when: datetime) -> str:
    """Return a moment for a sentence: `14 March 2027, 09:30 UTC`."""
    utc = when.astimezone(UTC)
    return f"{spoken_date(utc)}, {utc:%H:%M} UTC"


def spoken_span(span: timedelta) -> str:
    """Return how long something is, in the largest unit of which there are two: `3 hours`."""
    seconds = int(span.total_seconds())
    for noun, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return counted(seconds // size, noun)
    return counted(seconds, "second")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it belongs: `1 day`, `14 days`."""
    return f"{number} {noun}" if abs(number) == 1 else f"{number} {noun}s"
