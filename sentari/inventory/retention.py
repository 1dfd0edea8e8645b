"""Delete scans that are older than the history is to be kept, in transactions of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session, aliased

from sentari.audit.store import record
from sentari.extensions import writing
from sentari.inventory.models import ScanEntry
from sentari.licensing.core import reading
from serverkit.clock import Clock

AT_ONCE = 1_000
# Writers come in between; a history of years is gone within the hour.
MOST_ROUNDS = 100
THINNED = "SCAN_HISTORY_THINNED"


class Retention:
    """A job of the minute that has something to do once a day, when another day is too old.

    The newest scan of a device stays, however old it is.
    """

    def __init__(self, clock: Clock, days: int, *, rounds: int = MOST_ROUNDS) -> None:
        """Keep so many days by this clock, 0 for all; delete in so many rounds a minute."""
        self._clock, self._days, self._rounds = clock, days, rounds
        self._done: datetime | None = None

    def __call__(self) -> None:
        """Delete what is too old, or a part of it where it is much; write it down before."""
        now = self._clock.now()
        before = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
        before -= timedelta(days=self._days)
        if not self._days or before == self._done:
            return
        if not self._tell(now, before):
            self._done = before
            return
        for _ in range(self._rounds):
            if not _delete_some(before):
                return

    def _tell(self, now: datetime, before: datetime) -> bool:
        """Write down how many are going to be deleted now; tell whether there are any."""
        some = _old(before).limit(self._rounds * AT_ONCE).subquery()
        with reading() as session:
            scans = session.scalar(select(func.count()).select_from(some))
        if not scans:
            return False
        detail = {"before": before.isoformat(), "days": self._days, "scans": scans}
        with writing() as session:
            record(session, at=now, actor="server", action=THINNED, target="scans", detail=detail)
        return True


def _delete_some(before: datetime) -> int:
    with reading() as session:
        # Looked for outside of the write: those that stay are passed over each time.
        ids = session.scalars(_old(before).limit(AT_ONCE)).all()
    if ids:
        with writing() as session:
            _delete(session, ids)
    return len(ids)


def _delete(session: Session, ids: Sequence[int]) -> None:
    statement = delete(ScanEntry).where(ScanEntry.id.in_(ids))
    session.execute(statement, execution_options={"synchronize_session": False})


def _old(before: datetime) -> Select[int]:
    newer = aliased(ScanEntry)
    follows = (newer.device_id == ScanEntry.device_id, newer.scanned_at > ScanEntry.scanned_at)
    query = select(ScanEntry.id).where(ScanEntry.received_at < before)
    return query.where(select(newer.id).where(*follows).exists()).order_by(ScanEntry.received_at)
