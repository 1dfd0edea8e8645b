"""How the log of a device's agent stands, and its entries. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sentari.agents.audit_models import AgentLog, AgentLogEntry
from serverkit.paging import Page

SHOWN_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as people see it: `detail` is its beginning, `characters` how long it is."""

    log: int
    entry_id: int
    event_type: str
    detail: str
    characters: int
    created_at: str
    received_at: datetime
    problems: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An entry with what is wrong with it."""

    entry_id: int
    problems: str


@dataclass(frozen=True)
class LogHealth:
    """The logs that a device's agent began, the newest last, and the first entry that is wrong."""

    logs: Sequence[AgentLog]
    first_broken: Anomaly | None

    @property
    def entries(self) -> int:
        """Return how many entries there are."""
        return sum(log.entries for log in self.logs)

    @property
    def broken(self) -> int:
        """Return how many entries have something wrong."""
        return sum(log.broken for log in self.logs)

    @property
    def broken_at(self) -> datetime | None:
        """Return when the first anomaly came."""
        return min((log.broken_at for log in self.logs if log.broken_at), default=None)

    @property
    def shipped_at(self) -> datetime | None:
        """Return when the agent shipped last."""
        return max((log.shipped_at for log in self.logs), default=None)


def log_health(session: Session, device_uid: str) -> LogHealth:
    """Return how a device's agent log stands."""
    query = select(AgentLog).where(AgentLog.device_uid == device_uid).order_by(AgentLog.number)
    logs = session.scalars(query).all()
    return LogHealth(logs, _first_anomaly(session, [log.id for log in logs if log.broken]))


def _first_anomaly(session: Session, log_ids: Sequence[int]) -> Anomaly | None:
    if not log_ids:
        return None
    query = (
        select(AgentLogEntry.entry_id, AgentLogEntry.problems)
        .where(AgentLogEntry.log_id.in_(log_ids), AgentLogEntry.problems != "")
        .order_by(AgentLogEntry.received_at, AgentLogEntry.log_id, AgentLogEntry.entry_id)
        .limit(1)
    )
    found = session.execute(query).one_or_none()
    return None if found is None else Anomaly(*found)


def log_entries(
    session: Session, health: LogHealth, *, broken: bool = False, page: int, page_size: int
) -> Page[ShownEntry]:
    """Return one page of the entries, the newest first; only those with anomalies if asked.

    The order is that of the agent's own numbers.
    """
    ids = [log.id for log in health.logs]
    entry, number = AgentLogEntry, AgentLog.number
    start = func.substr(entry.detail, 1, SHOWN_CHARACTERS)
    length = func.length(entry.detail)
    query = (
        select(
            number,
            entry.entry_id,
            entry.event_type,
            start,
            length,
            entry.created_at,
            entry.received_at,
            entry.problems,
        )
        .join(AgentLog, AgentLog.id == entry.log_id)
        .where(entry.log_id.in_(ids))
        .order_by(entry.log_id.desc(), entry.entry_id.desc(), entry.id.desc())
    )
    query = query.where(entry.problems != "") if broken else query
    rows = session.execute(query.limit(page_size).offset((page - 1) * page_size))
    items = [ShownEntry(*row) for row in rows]
    return Page(items, health.broken if broken else health.entries, page, page_size)
