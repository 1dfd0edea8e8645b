"""Find the licenses and activations that notices may be due for. Never commits."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from license_server.activations.models import Activation, CheckIn
from license_server.licenses.models import License, TermsVersion
from license_server.licenses.store import GRANTED
from license_server.notices.models import ExpiryNotice, SilenceNotice
from license_server.notices.rules import THRESHOLD_DAYS
from license_server.rules import Status

# What `max_offline_days` is at least, halved.
_SHORTEST_SILENCE = timedelta(days=1) / 2


def _granted() -> type[TermsVersion]:
    """Return the terms in force of each license that has some, as an entity to select from."""
    newest = (
        select(TermsVersion.license_id, func.max(TermsVersion.version).label("version"))
        .outerjoin(TermsVersion.approval)
        .where(GRANTED)
        .group_by(TermsVersion.license_id)
        .subquery()
    )
    same = and_(
        newest.c.license_id == TermsVersion.license_id, newest.c.version == TermsVersion.version
    )
    return aliased(TermsVersion, select(TermsVersion).join(newest, same).subquery())


def expiring(session: Session, today: date) -> dict[str, date]:
    """Return the active licenses whose granted terms end within the longest threshold."""
    granted = _granted()
    query = (
        select(granted.license_id, granted.expires_at)
        .join(License, License.id == granted.license_id)
        .where(
            License.status == Status.ACTIVE.value,
            granted.expires_at > today,
            granted.expires_at <= today + timedelta(days=max(THRESHOLD_DAYS) + 1),
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

    Those are the days of the last reply: what was granted since has not reached the server. Of
    an expired license nobody expects a check-in.
    """
    granted = _granted()
    query = (
        select(Activation, TermsVersion.max_offline_days)
        .join(License, License.id == Activation.license_id)
        .join(granted, granted.license_id == License.id)
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
            granted.expires_at > now.date(),
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
