"""Look things up in the audit log."""

import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sentari.audit.models import AuditEvent
from sentari.audit.store import audit_log
from serverkit.audit.chain import format_time
from serverkit.audit.search import EventFilter
from serverkit.audit.search import actions as find_actions
from serverkit.audit.search import search as find_events
from serverkit.paging import Page


def search(
    session: Session,
    *,
    action: str = "",
    text: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    page: int = 1,
    page_size: int = 50,
) -> Page[AuditEvent]:
    """Return events, newest first: of one action, containing a text, within [start, end)."""
    wanted = EventFilter({"action": action}, text, start, end)
    return find_events(session, AuditEvent, wanted, page=page, page_size=page_size)


def actions(session: Session) -> list[str]:
    """Return every action that occurs, by name."""
    return find_actions(session, AuditEvent)


def count(session: Session, action: str) -> int:
    """Return how often an action was written down."""
    query = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == action)
    return session.scalar(query) or 0


def export_lines(session: Session) -> Iterator[str]:
    """Yield every event in order as one JSON line, hashes included."""
    for entry in audit_log.entries(session):
        document = {**vars(entry), "occurred_at": format_time(entry.occurred_at)}
        yield json.dumps(document, ensure_ascii=False) + "\n"
