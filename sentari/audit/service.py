"""Look things up in the audit log."""

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sentari.audit.models import AuditEvent
from sentari.audit.store import audit_log
from serverkit.audit.exports import json_lines


def count(session: Session, action: str) -> int:
    """Return how often an action was written down."""
    query = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == action)
    return session.scalar(query) or 0


def export_lines(session: Session) -> Iterator[str]:
    """Yield every event in order as one JSON line, hashes included."""
    return json_lines(audit_log.entries(session))
