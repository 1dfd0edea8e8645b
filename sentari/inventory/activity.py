"""How many scans arrived on each day. Only `DayCounts` has a transaction of its own."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sentari.extensions import writing
from sentari.inventory.models import ScanDay, ScanEntry
from sentari.licensing.core import reading
from serverkit.clock import Clock

DAYS = 30
# A scan that arrived just before midnight may be stored after it.
_SETTLED_AFTER = timedelta(hours=1)

DayCount = tuple[date, int]


def scans_by_day(session: Session, now: datetime) -> list[DayCount]:
    """Return the last 30 days, today the last of them, each with how many scans arrived on it.

    A million scans take a third of a second to count: of the days that are over the kept numbers
    are taken, and only what nobody has counted yet is counted here.
    """
    days = _days(now)
    kept = _kept(session, days)
    return [(day, kept[day] if day in kept else _count(session, day)) for day in days]


class DayCounts:
    """A job of the minute that keeps the number of each day when it is over."""

    def __init__(self, clock: Clock) -> None:
        """Keep the days by this clock."""
        self._clock = clock

    def __call__(self) -> None:
        """Count the days that are over and were not counted yet."""
        now = self._clock.now()
        over = [day for day in _days(now) if day < (now - _SETTLED_AFTER).astimezone(UTC).date()]
        with reading() as session:
            kept = _kept(session, over)
            counted = [(day, _count(session, day)) for day in over if day not in kept]
        if counted:
            with writing() as session:
                for day, scans in counted:
                    session.merge(ScanDay(day=day, scans=scans))


def _days(now: datetime) -> list[date]:
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=before) for before in reversed(range(DAYS))]


def _kept(session: Session, days: Sequence[date]) -> dict[date, int]:
    query = select(ScanDay.day, ScanDay.scans).where(ScanDay.day.in_(days))
    return {row.day: row.scans for row in session.execute(query)}


def _count(session: Session, day: date) -> int:
    start = datetime.combine(day, time(), UTC)
    query = select(func.count(ScanEntry.id)).where(
        ScanEntry.received_at >= start, ScanEntry.received_at < start + timedelta(days=1)
    )
    return session.scalar(query) or 0
