"""What waits for staff, counted for the first page. Never commits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from license_server.activations.listing import silent_ids
from license_server.activations.models import ActivationFlag
from license_server.licenses.search import waiting_for_approval
from license_server.notices.store import expiring
from license_server.outbox.models import FAILED, OutboxMail

EXPIRING_WITHIN = timedelta(days=30)


@dataclass(frozen=True)
class Work:
    """How much of each kind waits."""

    flags: int
    approvals: int
    failed_mails: int
    silent: int
    expiring: int


def work(session: Session, now: datetime) -> Work:
    """Return what waits at this moment."""
    soon = (now + EXPIRING_WITHIN).date()
    return Work(
        flags=_count(session, ActivationFlag.resolved_at.is_(None)),
        approvals=len(waiting_for_approval(session, now.date())),
        failed_mails=_count(session, OutboxMail.state == FAILED),
        silent=len(silent_ids(session, now)),
        expiring=sum(end <= soon for end in expiring(session, now.date()).values()),
    )


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(condition)) or 0
