"""Find the licenses and activations that notices may be due for. Never commits."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from license_server.activations.models import Activation, CheckIn
from license_server.licenses.models import License, TermsApproval, TermsVersion
from license_server.notices.models import ExpiryNotice, SilenceNotice
from license_server.notices.rules import THRESHOLD_DAYS
from license_server.rules import Status

# What `max_offline_days` is at least, halved.
_SHORTEST_SILENCE = timedelta(days=1) / 2


def expiring(session: Session, today: date) -> dict[str, date]:
    """Return the active licenses whose granted terms end within the longest threshold."""
    newest = (
        select(TermsVersion.license_id, func.max(TermsVersion.version).label("version"))
        .outerjoin(TermsApproval, TermsApproval.terms_version_id == TermsVersion.id)
        .where(TermsVersion.approval_required.is_(False) | TermsApproval.approved_at.is_not(None))
        .group_by(TermsVersion.license_id)
        .subquery()
    )
    query = (
        select(TermsVersion.license_id, TermsVersion.expires_at)
        .join(
            newest,
            and_(
                newest.c.license_id == TermsVersion.license_id,
                newest.c.version == TermsVersion.version,
            ),
        )
        .join(License, License.id == TermsVersion.license_id)
        .where(
            License.status == Status.ACTIVE.value,
            TermsVersion.expires_at > today,
            TermsVersion.expires_at <= today + timedelta(days=max(THRESHOLD_DAYS) + 1),
        )
    )
    return {row.license_id: row.expires_at for row in session.execute(query)}


def told(session: Session, license_ids: Collection[str]) -> dict[tuple[str, date], set[int]]:
    """Return the thresholds that were announced, by license and date."""
    found: dict[tuple[str, date], set[int]] = {}
    query = select(ExpiryNotice).where(ExpiryNotice.license_id.in_(license_ids))
    for notice in session.scalars(query):
        found.setdefault((notice.license_id, notice.expires_at), set()).add(notice.days)
    return found


def quiet(
    session: Session, now: datetime, activation_id: str | None = None
) -> list[tuple[Activation, int]]:
    """Return activations whose silence may be announced, with the offline days they were given.

    Those are the days of the last reply: what was granted since has not reached the server.
    """
    query = (
        select(Activation, TermsVersion.max_offline_days)
        .join(License, License.id == Activation.license_id)
        .join(
            CheckIn,
            and_(CheckIn.activation_id == Activation.id, CheckIn.seq == Activation.seq),
        )
        .join(TermsVersion, TermsVersion.id == CheckIn.terms_version_id)
        .outerjoin(
            SilenceNotice,
            and_(
                SilenceNotice.activation_id == Activation.id,
                SilenceNotice.last_check_in_at == Activation.last_check_in_at,
            ),
        )
        .where(
            License.status == Status.ACTIVE.value,
            Activation.released_at.is_(None),
            Activation.last_check_in_at <= now - _SHORTEST_SILENCE,
            SilenceNotice.id.is_(None),
        )
        .order_by(Activation.last_check_in_at)
        .execution_options(populate_existing=True)
    )
    if activation_id is not None:
        query = query.where(Activation.id == activation_id)
    return [(row[0], row[1]) for row in session.execute(query)]
