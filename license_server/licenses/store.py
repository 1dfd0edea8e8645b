"""Find licenses and what stands in them. Never commits."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from license_server.customers.models import Customer
from license_server.errors import NotFoundError, UnavailableError
from license_server.licenses.models import (
    IssuedKey,
    License,
    PresignedReply,
    TermsApproval,
    TermsVersion,
)
from license_server.rules import TERM_NAMES, Status, Terms, approval_reasons
from license_token.terms import LicenseTerms

log = logging.getLogger(__name__)

# A version of terms, or a row of its columns.
Granted = TermsVersion | Row[Any]


def get_license(session: Session, license_id: str) -> License:
    """Return the license, or raise NotFoundError."""
    row = session.get(License, license_id)
    if row is None:
        raise NotFoundError("there is no license with this id")
    return row


def locked_license(session: Session, license_id: str) -> License:
    """Return the license with its row locked: whoever changes it or checks in comes after us."""
    query = select(License).where(License.id == license_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFoundError("there is no license with this id")
    return row


def list_licenses(session: Session, customer_id: str | None = None) -> list[License]:
    """Return licenses, newest first."""
    query = select(License).order_by(License.created_at.desc(), License.id)
    if customer_id is not None:
        query = query.where(License.customer_id == customer_id)
    return list(session.scalars(query))


# Statements of a check-in are built once, and of columns: building one, or loading its rows as
# objects, costs more than running it.
_LICENSES, _KEYS = License.__table__, IssuedKey.__table__
_VERSIONS, _APPROVALS = TermsVersion.__table__, TermsApproval.__table__
_OPEN = (
    select(
        _LICENSES.c.id.label("license_id"),
        _LICENSES.c.customer_id,
        _LICENSES.c.status,
        _KEYS.c.id.label("key_id"),
        _KEYS.c.hint.label("key_hint"),
    )
    .join_from(_LICENSES, _KEYS, _KEYS.c.license_id == _LICENSES.c.id)
    .where(_KEYS.c.key_hash == bindparam("key_hash"), _KEYS.c.replaced_at.is_(None))
    .with_for_update()
)
_ISSUED = License.__table__.alias("issued")
_FIRST = (
    select(_ISSUED.c.issued_version)
    .where(_ISSUED.c.id == _VERSIONS.c.license_id)
    .correlate(_VERSIONS)
    .scalar_subquery()
)
# A draft grants nothing, and nor do the versions that it had before the one that was issued.
GRANTED = and_(
    _VERSIONS.c.version >= _FIRST,
    or_(_VERSIONS.c.approval_required.is_(False), _APPROVALS.c.approved_at.is_not(None)),
)


@dataclass(frozen=True)
class Opened:
    """The license that a key opens, and the key."""

    license_id: str
    customer_id: str
    status: str
    key_id: int
    key_hint: str


def open_with(session: Session, key_hash: str) -> Opened | None:
    """Return what this key opens now, the rows of license and key locked, or None."""
    row = session.execute(_OPEN, {"key_hash": key_hash}).one_or_none()
    return None if row is None else Opened(*row)


def keys(session: Session, license_id: str) -> list[IssuedKey]:
    """Return all keys that were issued for the license, newest first; a draft has none."""
    query = select(IssuedKey).where(IssuedKey.license_id == license_id)
    return list(session.scalars(query.order_by(IssuedKey.id.desc())))


def current_key(session: Session, license_id: str) -> IssuedKey:
    """Return the one key of an issued license that is not replaced."""
    key: IssuedKey = session.scalars(_current_key(license_id)).one()
    return key


def key_hint(session: Session, license_id: str) -> str | None:
    """Return the end of the license's key, None while it is a draft."""
    key: IssuedKey | None = session.scalars(_current_key(license_id)).one_or_none()
    return None if key is None else key.hint


def _current_key(license_id: str) -> Select[Any]:
    return select(IssuedKey).where(
        IssuedKey.license_id == license_id, IssuedKey.replaced_at.is_(None)
    )


def presigned_replies(session: Session, license_id: str) -> list[PresignedReply]:
    """Return the replies that were signed in advance, newest first."""
    query = select(PresignedReply).where(PresignedReply.license_id == license_id)
    return list(session.scalars(query.order_by(PresignedReply.issued_at.desc())))


def versions(session: Session, license_id: str) -> list[TermsVersion]:
    """Return all versions of the terms, newest first."""
    query = select(TermsVersion).where(TermsVersion.license_id == license_id)
    return list(session.scalars(query.order_by(TermsVersion.version.desc())))


def latest_version(session: Session, license_id: str) -> TermsVersion:
    """Return the newest version of the terms, approved or not."""
    query = select(TermsVersion).where(TermsVersion.license_id == license_id)
    return session.scalars(query.order_by(TermsVersion.version.desc()).limit(1)).one()


def granted_version(session: Session, license_id: str) -> TermsVersion | None:
    """Return the newest version that may be signed: it needs no approval, or it has one."""
    query = (
        select(TermsVersion)
        .outerjoin(TermsVersion.approval)
        .options(contains_eager(TermsVersion.approval))
        .where(TermsVersion.license_id == license_id, GRANTED)
        .order_by(TermsVersion.version.desc())
    )
    version = session.scalars(query.limit(1)).one_or_none()
    if version is not None:
        check_granted(version, approved=version.approval is not None)
    return version


def check_granted(version: Granted, *, approved: bool) -> None:
    """Raise UnavailableError for terms without the approval that they need.

    The rule is asked of the row itself, so that no version is signed whose approval somebody
    declared unnecessary behind the rules' back.
    """
    if approved:
        return
    terms = Terms(**{name: getattr(version, name) for name in TERM_NAMES})
    if approval_reasons(terms, today=version.starts_on):
        log.error("unapproved terms are marked as needing no approval", extra={"id": version.id})
        raise UnavailableError("the license's terms contradict each other; staff must look at them")


def signed_terms(version: Granted, status: str) -> LicenseTerms:
    """Return the claims of one version of terms: nothing is added to what stands in it."""
    return LicenseTerms(
        customer_name=version.customer_name,
        customer_email=version.customer_email,
        tier=version.tier,
        expires_at=version.expires_at,
        max_devices=version.max_devices,
        max_packages=version.max_packages,
        grace_period_days=version.grace_period_days,
        read_only_period_days=version.read_only_period_days,
        max_offline_days=version.max_offline_days,
        status=status,
    )


def approval_state(version: TermsVersion) -> str:
    """Return `not_required`, `pending` or `approved`."""
    if not version.approval_required:
        return "not_required"
    return "pending" if version.approval is None else "approved"


def names_its_customer(version: TermsVersion, customer: Customer) -> bool:
    """Tell whether the version carries the customer's present name and address."""
    return (version.customer_name, version.customer_email) == (customer.name, customer.email)


def stated(version: TermsVersion) -> dict[str, Any]:
    """Return all that a version says, under the names of its columns."""
    who = {"customer_name": version.customer_name, "customer_email": version.customer_email}
    return {**vars(version.terms), **who}


def changed_terms(terms: Terms, changes: Mapping[str, Any]) -> Terms:
    """Return the terms with some of them replaced."""
    return Terms(**{**vars(terms), **changes})


def count_by_status(session: Session) -> dict[str, int]:
    """Return how many licenses have each status."""
    rows = session.execute(select(License.status, func.count()).group_by(License.status))
    found = {row.status: row[1] for row in rows}
    return {status.value: found.get(status.value, 0) for status in Status}
