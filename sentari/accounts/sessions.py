"""Find out who asks: a browser's session or a program's API token."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request
from flask_login import UserMixin
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from sentari.accounts.models import ApiToken, UserSession
from sentari.accounts.service import hash_token
from sentari.extensions import current, db, writing

log = logging.getLogger(__name__)

IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(hours=24)
_SEEN_EVERY = timedelta(minutes=5)
TOKEN_PREFIX = "stri_"  # noqa: S105 - a prefix that scanners for leaked secrets can find


@dataclass(frozen=True)
class Principal(UserMixin):  # type: ignore[misc]
    """Whoever is signed in; `session_token` is None for a program."""

    name: str
    role: str
    actor: str
    user_id: int | None = None
    session_token: str | None = None

    def get_id(self) -> str:
        """Return what the browser's signed cookie carries: the session, not the user."""
        return self.session_token or ""

    @property
    def email(self) -> str:
        """Return the name that pages show."""
        return self.name

    @property
    def is_admin(self) -> bool:
        """Tell whether everything is allowed."""
        return self.role == "admin"


def load_from_session(token: str) -> Principal | None:
    """Return the principal of a live session."""
    now = current().clock.now()
    query = select(UserSession).where(UserSession.token_hash == hash_token(token))
    found = db.session.scalars(query).one_or_none()
    if found is None or not _live(found, now):
        return None
    user = found.user
    principal = Principal(user.email, user.role, user.actor, user.id, token)
    if now - found.last_seen_at >= _SEEN_EVERY:
        _touch(found.id, now)
    return principal


def _live(found: UserSession, now: datetime) -> bool:
    idle, age = now - found.last_seen_at, now - found.created_at
    return found.user.disabled_at is None and idle < IDLE and age < ABSOLUTE


def _touch(session_id: int, now: datetime) -> None:
    try:
        with writing() as session:
            row = session.get(UserSession, session_id)
            if row is not None:
                row.last_seen_at = now
            session.execute(delete(UserSession).where(UserSession.created_at < now - ABSOLUTE))
    except OperationalError:
        # Reading must go on while the database cannot be written.
        log.warning("the session's last use could not be noted", exc_info=True)


def load_from_request(request: Request) -> Principal | None:
    """Return the principal of an API token in the Authorization header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(TOKEN_PREFIX):
        return None
    found = _find_token(db.session(), token.strip())
    if found is None or not found.live(current().clock.now()):
        return None
    return Principal(found.name, found.role, f"token:{found.name}")


def _find_token(session: Session, token: str) -> ApiToken | None:
    query = select(ApiToken).where(ApiToken.token_hash == hash_token(token))
    return session.scalars(query).one_or_none()
