"""Make staff and their tokens, and find who presents one. Callers commit."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Violation,
)
from license_server.mail_address import check_address
from license_server.rules import has_control
from license_server.staff.models import Staff, StaffToken
from license_server.staff.roles import ROLES, includes
from serverkit.passwords import PasswordRefusedError, check_password, hash_password

TOKEN_PREFIX = "sls_"  # noqa: S105 - the public beginning of every token
LONGEST_NAME = 100
LONGEST_TOKEN_DAYS = 3650


def generate_password() -> str:
    """Return a random password of 20 characters."""
    return secrets.token_urlsafe(15)


def any_staff(session: Session) -> bool:
    """Tell whether there is anybody who could sign in."""
    return bool(session.scalar(select(exists(select(Staff.id)))))


def create_staff(
    session: Session, *, email: str, password: str, role: str, at: datetime, actor: str
) -> Staff:
    """Add a person; the refusals name the field."""
    email = check_address(email.lower())
    if role not in ROLES:
        raise InvalidError((Violation("role", f"give one of {', '.join(ROLES)}"),))
    try:
        check_password(password, email)
    except PasswordRefusedError as error:
        raise InvalidError((Violation("password", str(error)),)) from error
    record(session, at=at, actor=actor, action="STAFF_CREATED", target=email, detail={"role": role})
    if session.scalar(select(exists(select(Staff.id).where(Staff.email == email)))):
        raise ConflictError(f"there is a member of staff with the address {email} already")
    person = Staff(email=email, password_hash=hash_password(password), role=role, created_at=at)
    session.add(person)
    session.flush()
    return person


def find_staff(session: Session, email: str) -> Staff:
    """Return the person with this e-mail address, or raise NotFoundError."""
    query = select(Staff).where(Staff.email == email.strip().lower())
    person = session.scalars(query).one_or_none()
    if person is None:
        raise NotFoundError(f"there is no member of staff with the address {email[:254]}")
    return person


def disable_staff(session: Session, person: Staff, *, at: datetime, actor: str) -> None:
    """Stop the person's tokens from working at once."""
    if person.disabled_at is None:
        person.disabled_at = at
        record(session, at=at, actor=actor, action="STAFF_DISABLED", target=person.email)


def create_token(
    session: Session,
    person: Staff,
    *,
    name: str,
    expires_in_days: int | None,
    at: datetime,
    actor: str,
) -> str:
    """Store a new token and return it: the only time it is shown."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or has_control(name):
        detail = f"give 1 to {LONGEST_NAME} characters on one line"
        raise InvalidError((Violation("name", detail),))
    if expires_in_days is not None and not 1 <= expires_in_days <= LONGEST_TOKEN_DAYS:
        detail = f"give a whole number from 1 to {LONGEST_TOKEN_DAYS}"
        raise InvalidError((Violation("expires_in_days", detail),))
    if person.disabled_at is not None:
        raise ConflictError(f"{person.email} is disabled")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = StaffToken(
        staff_id=person.id,
        name=name,
        token_hash=hash_token(token),
        hint=token[-5:],
        created_at=at,
        expires_at=None if expires_in_days is None else at + timedelta(days=expires_in_days),
    )
    session.add(row)
    record(
        session,
        at=at,
        actor=actor,
        action="STAFF_TOKEN_CREATED",
        target=person.email,
        detail={"name": name, "hint": row.hint, "expires_in_days": expires_in_days},
    )
    return token


def revoke_token(session: Session, person: Staff, hint: str, *, at: datetime, actor: str) -> int:
    """Stop the person's tokens that end in `hint`; return how many there were."""
    query = select(StaffToken).where(
        StaffToken.staff_id == person.id,
        StaffToken.hint == hint[-5:],
        StaffToken.revoked_at.is_(None),
    )
    rows = session.scalars(query).all()
    if not rows:
        raise NotFoundError(f"{person.email} has no token that ends in {hint[-5:]}")
    for row in rows:
        row.revoked_at = at
    detail = {"hint": hint[-5:]}
    record(
        session,
        at=at,
        actor=actor,
        action="STAFF_TOKEN_REVOKED",
        target=person.email,
        detail=detail,
    )
    return len(rows)


def authenticate(session: Session, token: str, now: datetime) -> Staff | None:
    """Return whose live token this is, or None."""
    if not token.startswith(TOKEN_PREFIX) or len(token) > 100:
        return None
    query = select(StaffToken).where(StaffToken.token_hash == hash_token(token))
    row = session.scalars(query).one_or_none()
    return row.staff if row is not None and row.live(now) else None


def check_role(person: Staff, needed: str) -> None:
    """Raise ForbiddenError unless the person's role includes `needed`."""
    if not includes(person.role, needed):
        detail = f"this needs the role {needed}; {person.email} has the role {person.role}"
        raise ForbiddenError(detail, code="role_required")


def hash_token(token: str) -> str:
    """Return the form in which a token is stored (lower-case hex SHA-256)."""
    return hashlib.sha256(token.encode()).hexdigest()
