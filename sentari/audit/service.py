"""Look things up in the audit log."""

import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from sentari.audit.models import AuditEvent
from sentari.audit.store import audit_log
from sentari.paging import Page
from serverkit.audit.chain import format_time


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
    query = _filtered(action, text, start, end)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(AuditEvent.seq.desc())
    rows = session.scalars(ordered.offset((page - 1) * page_size).limit(page_size))
    return Page(list(rows), total, page, page_size)


def _filtered(
    action: str, text: str, start: datetime | None, end: datetime | None
) -> "Select[AuditEvent]":
    query = select(AuditEvent)
    if action:
        query = query.where(AuditEvent.action == action[:100])
    if text:
        fields = (AuditEvent.actor, AuditEvent.target, AuditEvent.detail)
        query = query.where(or_(*(f.icontains(text[:256], autoescape=True) for f in fields)))
    if start:
        query = query.where(AuditEvent.occurred_at >= start)
    if end:
        query = query.where(AuditEvent.occurred_at < end)
    return query


def actions(session: Session) -> list[str]:
    """Return every action that occurs, by name."""
    return list(session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)))


def count(session: Session, action: str) -> int:
    """Return how often an action was written down."""
    query = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == action)
    return session.scalar(query) or 0


def export_lines(session: Session) -> Iterator[str]:
    """Yield every event in order as one JSON line, hashes included."""
    for entry in audit_log.entries(session):
        document = {**vars(entry), "occurred_at": format_time(entry.occurred_at)}
        yield json.dumps(document, ensure_ascii=False) + "\n"
