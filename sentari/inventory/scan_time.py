"""The time a scan began, to the nanosecond, as text that sorts. PURE.

A datetime ends at microseconds and would make two scans of one millisecond the same. The
canonical text `YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ` has a fixed width, so comparing two of them
as text compares the times.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

CANONICAL_CHARACTERS = 30
AHEAD_TOLERANCE = timedelta(minutes=5)

_RFC_3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?"
    r"(?:([Zz])|([+-])(\d{2}):(\d{2}))\Z",
    re.ASCII,
)


def read_scan_time(text: str) -> str:
    """Return the canonical text of an RFC 3339 time with 0 to 9 fractional digits.

    Raises ValueError when it is not one, or when its offset carries it out of the calendar.
    """
    match = _RFC_3339.match(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with at most nine fractional digits")
    day, clock, fraction, zulu, sign, hours, minutes = match.groups()
    zone = UTC if zulu else timezone(_offset(sign, int(hours), int(minutes)))
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is outside the calendar") from error
    return _canonical(moment, (fraction or "").ljust(9, "0"))


def scan_time(moment: datetime) -> str:
    """Return an aware datetime in the canonical text."""
    moment = moment.astimezone(UTC)
    return _canonical(moment, f"{moment.microsecond:06}000")


def as_datetime(canonical: str) -> datetime:
    """Return the canonical text as an aware datetime; it loses the nanoseconds."""
    return datetime.fromisoformat(canonical[:26]).replace(tzinfo=UTC)


def order_of(scanned_at: str, now: datetime) -> str:
    """Return the canonical time by which a scan is ordered among its device's scans.

    That is its own time, unless it lies more than five minutes ahead of the server: then it
    is its arrival, so that a device with a wrong clock cannot freeze its own inventory.
    """
    return scan_time(now) if scanned_at > scan_time(now + AHEAD_TOLERANCE) else scanned_at


def _offset(sign: str, hours: int, minutes: int) -> timedelta:
    if hours > 23 or minutes > 59:
        raise ValueError("the offset is not one")
    size = timedelta(hours=hours, minutes=minutes)
    return -size if sign == "-" else size


def _canonical(moment: datetime, nanoseconds: str) -> str:
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}.{nanoseconds}Z"
