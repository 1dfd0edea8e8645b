"""Staff's tokens for the machine interface. Callers commit."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.errors import ConflictError, InvalidError, NotFoundError, Violation
from license_server.staff.models import Staff, StaffToken
from serverkit.text import has_control
from serverkit.tokens import hash_token, new_token

TOKEN_PREFIX = "sls_"  # noqa: S105 - the public beginning of every token
LONGEST_NAME = 100
LONGEST_TOKEN_DAYS = 3650


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
    token = new_token(TOKEN_PREFIX)
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


def live_tokens(session: Session, staff_id: int, now: datetime) -> list[StaffToken]:
    """Return the person's tokens that may be used at `now`, oldest first."""
    query = select(StaffToken).where(StaffToken.staff_id == staff_id).order_by(StaffToken.id)
    return [token for token in session.scalars(query) if token.live(now)]


def authenticate(session: Session, token: str, now: datetime) -> Staff | None:
    """Return whose live token this is, or None."""
    if not token.startswith(TOKEN_PREFIX) or len(token) > 100:
        return None
    query = select(StaffToken).where(StaffToken.token_hash == hash_token(token))
    row = session.scalars(query).one_or_none()
    return row.staff if row is not None and row.live(now) else None
