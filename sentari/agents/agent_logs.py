"""How the log of a device's agent stands, and its entries. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sentari.agents.audit_models import AgentLog, AgentLogEntry
from serverkit.paging import Page


@dataclass(frozen=True)
class LogHealth:
    """The logs that a device's agent began, the newest last, and the first entry that is wrong."""

    logs: Sequence[AgentLog]
    first_broken: AgentLogEntry | None

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

    def number_of(self, entry: AgentLogEntry) -> int:
        """Return which of the logs an entry is from."""
        return next(log.number for log in self.logs if log.id == entry.log_id)


def log_health(session: Session, device_uid: str) -> LogHealth:
    """Return how a device's agent log stands."""
    query = select(AgentLog).where(AgentLog.device_uid == device_uid).order_by(AgentLog.number)
    logs = session.scalars(query).all()
    broken = [log.id for log in logs if log.broken]
    first = None
    if broken:
        oldest = _broken(broken).order_by(AgentLogEntry.id).limit(1)
        first = session.scalars(oldest).one_or_none()
    return LogHealth(logs, first)


def log_entries(
    session: Session, health: LogHealth, *, broken: bool = False, page: int, page_size: int
) -> Page[AgentLogEntry]:
    """Return one page of the entries, the newest first; only those with anomalies if asked."""
    ids = [log.id for log in health.logs]
    query = _broken(ids) if broken else select(AgentLogEntry).where(AgentLogEntry.log_id.in_(ids))
    query = query.order_by(AgentLogEntry.id.desc())
    items = session.scalars(query.limit(page_size).offset((page - 1) * page_size)).all()
    return Page(items, health.broken if broken else health.entries, page, page_size)


def _broken(log_ids: Sequence[int]) -> Select[Any]:
    return select(AgentLogEntry).where(
        AgentLogEntry.log_id.in_(log_ids), AgentLogEntry.problems != ""
    )
