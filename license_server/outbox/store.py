"""Find mails. Never commits."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from license_server.outbox.models import OutboxMail


def of_license(session: Session, license_id: str, *, limit: int) -> list[OutboxMail]:
    """Return the license's mails, the newest first."""
    query = select(OutboxMail).where(OutboxMail.license_id == license_id)
    newest = query.order_by(OutboxMail.created_at.desc(), OutboxMail.id).limit(limit)
    return list(session.scalars(newest))
