"""What waits for staff, counted for the first page. Never commits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from license_server.activations.listing import silent_ids
from license_server.activations.models import ActivationFlag
from license_server.licenses.models import License, TermsApproval, TermsVersion
from license_server.notices.store import expiring
from license_server.outbox.models import FAILED, OutboxMail
from license_server.rules import Status

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
        approvals=len(waiting_for_approval(session)),
        failed_mails=_count(session, OutboxMail.state == FAILED),
        silent=len(silent_ids(session, now)),
        expiring=sum(end <= soon for end in expiring(session, now.date()).values()),
    )


def waiting_for_approval(session: Session) -> list[tuple[License, TermsVersion]]:
    """Return the licenses whose newest terms wait for a second person, the longest wait first."""
    later = aliased(TermsVersion)
    query = (
        select(License, TermsVersion)
        .join(TermsVersion, TermsVersion.license_id == License.id)
        .outerjoin(TermsApproval, TermsApproval.terms_version_id == TermsVersion.id)
        .outerjoin(
            later, and_(later.license_id == License.id, later.version > TermsVersion.version)
        )
        .where(
            TermsVersion.approval_required,
            TermsApproval.approved_at.is_(None),
            later.id.is_(None),
            License.status.in_([Status.ACTIVE.value, Status.SUSPENDED.value]),
        )
        .options(joinedload(License.customer))
        .order_by(TermsVersion.created_at, TermsVersion.id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(condition)) or 0
