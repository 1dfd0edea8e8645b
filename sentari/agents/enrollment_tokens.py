"""Make, list, revoke and use the tokens that enroll devices. Callers commit."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from sentari.agents.models import EnrollmentToken
from sentari.audit.store import record
from serverkit.text import has_control
from serverkit.tokens import hash_token, new_token

ENROLLMENT_PREFIX = "stre_"
LONGEST_DAYS = 3650
MOST_USES = 1_000_000
STATIC_NAME = "SENTARI_ENROLLMENT_TOKEN"


class EnrollmentError(ValueError):
    """A token cannot be made or changed that way; the text says why."""


class TokenRefusedError(ValueError):
    """A device came with a token that does not enroll it; the text says why."""


@dataclass(frozen=True, slots=True)
class UsedToken:
    """The token that enrolls a device; the static one has no id."""

    id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; its text is not stored."""

    id: int
    text: str


def create_token(
    session: Session,
    *,
    name: str,
    expires_in_days: int | None,
    max_uses: int | None,
    at: datetime,
    actor: str,
) -> NewToken:
    """Store a new token and return it: the only time it is shown."""
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise EnrollmentError("A name has 1 to 100 characters.")
    if has_control(name):
        raise EnrollmentError("A name is one line of text.")
    if expires_in_days is not None and not 1 <= expires_in_days <= LONGEST_DAYS:
        raise EnrollmentError(f"A token lives 1 to {LONGEST_DAYS:,} days.")
    if max_uses is not None and not 1 <= max_uses <= MOST_USES:
        raise EnrollmentError(f"A token enrolls 1 to {MOST_USES:,} times.")
    token = new_token(ENROLLMENT_PREFIX)
    row = EnrollmentToken(
        name=name,
        token_hash=hash_token(token),
        hint=token[-5:],
        created_by=actor,
        created_at=at,
        expires_at=None if expires_in_days is None else at + timedelta(days=expires_in_days),
        max_uses=max_uses,
    )
    session.add(row)
    detail = {"expires_in_days": expires_in_days, "max_uses": max_uses}
    action = "ENROLLMENT_TOKEN_CREATED"
    record(session, at=at, actor=actor, action=action, target=name, detail=detail)
    return NewToken(row.id, token)


def list_tokens(session: Session) -> list[EnrollmentToken]:
    """Return all tokens, newest first."""
    return list(session.scalars(select(EnrollmentToken).order_by(EnrollmentToken.id.desc())))


def any_usable(session: Session, now: datetime) -> bool:
    """Tell whether a device could enroll with one of the tokens."""
    return any(token.state(now) == "active" for token in list_tokens(session))


def find_token(session: Session, name_or_id: str) -> EnrollmentToken:
    """Return the token of this number, or the only one of this name."""
    query = select(EnrollmentToken).where(EnrollmentToken.name == name_or_id)
    if name_or_id.isascii() and name_or_id.isdigit() and len(name_or_id) < 10:
        query = select(EnrollmentToken).where(EnrollmentToken.id == int(name_or_id))
    found = list(session.scalars(query))
    if not found:
        raise EnrollmentError("There is no such token.")
    if len(found) > 1:
        raise EnrollmentError("Several tokens have this name; give the number of one.")
    return found[0]


def revoke_token(session: Session, token: EnrollmentToken, *, at: datetime, actor: str) -> None:
    """Stop a token from enrolling; devices that it enrolled stay."""
    if token.revoked_at is None:
        token.revoked_at = at
        action = "ENROLLMENT_TOKEN_REVOKED"
        record(session, at=at, actor=actor, action=action, target=token.name)


def use_token(session: Session, token: str, static_token: str | None, now: datetime) -> UsedToken:
    """Count one use of a token and return it; TokenRefusedError if it does not enroll.

    The count is one conditional UPDATE, so a token for one device enrolls one, however many
    come at once. It is undone with the caller's transaction.
    """
    if static_token and hmac.compare_digest(token.encode(), static_token.encode()):
        return UsedToken(None, STATIC_NAME)
    token_hash = hash_token(token)
    if not _count_use(session, token_hash, now):
        raise TokenRefusedError(_why_refused(session, token_hash, now))
    query = select(EnrollmentToken.id, EnrollmentToken.name)
    found = session.execute(query.where(EnrollmentToken.token_hash == token_hash)).one()
    return UsedToken(found.id, found.name)


def _count_use(session: Session, token_hash: str, now: datetime) -> bool:
    token = EnrollmentToken
    statement = (
        update(token)
        .where(
            token.token_hash == token_hash,
            token.revoked_at.is_(None),
            or_(token.expires_at.is_(None), token.expires_at > now),
            or_(token.max_uses.is_(None), token.uses < token.max_uses),
        )
        .values(uses=token.uses + 1, last_used_at=now)
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], session.execute(statement)).rowcount == 1


def _why_refused(session: Session, token_hash: str, now: datetime) -> str:
    query = select(EnrollmentToken).where(EnrollmentToken.token_hash == token_hash)
    found = session.scalars(query).one_or_none()
    return _REASONS[found.state(now)] if found else _REASONS["unknown"]


_REASONS = {
    "unknown": "This enrollment token is not known here. Ask an admin for a valid one.",
    "revoked": "This enrollment token was revoked. Ask an admin for another one.",
    "expired": "This enrollment token has expired. Ask an admin for another one.",
    "used_up": "This enrollment token was used as often as it may be. Ask an admin for another.",
    # Only in a race: another registration took the last use and was then undone.
    "active": "This enrollment token could not be used just now. Try again.",
}
