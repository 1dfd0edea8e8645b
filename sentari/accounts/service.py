"""Make, change and sign in users. Callers commit."""

import re
from datetime import datetime
from typing import Protocol

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from sentari.accounts.models import ROLES, User, UserSession
from sentari.audit.store import record
from serverkit.passwords import check_password, hash_password, verify_password
from serverkit.sessions import SessionStore

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}\Z")

sessions = SessionStore(UserSession)


class UserChange(Protocol):
    """A change of one user, such as `disable_user`."""

    def __call__(self, session: Session, user: User, *, at: datetime, actor: str) -> None:
        """Change the user in the caller's transaction."""


class AccountError(ValueError):
    """An account cannot be made or changed that way; the text says why."""


def normalize_email(email: str) -> str:
    """Return the address in the form in which it is stored, or raise AccountError."""
    email = email.strip().lower()
    if not _EMAIL.match(email):
        raise AccountError("This is not an e-mail address.")
    return email


def any_user(session: Session) -> bool:
    """Tell whether the first-run setup is over."""
    return bool(session.scalar(select(exists(select(User.id)))))


def list_users(session: Session) -> list[User]:
    """Return all users by e-mail."""
    return list(session.scalars(select(User).order_by(User.email)))


def find_user(session: Session, email: str) -> User:
    """Return the user, or raise AccountError."""
    user = session.scalars(select(User).where(User.email == email.strip().lower())).one_or_none()
    if user is None:
        raise AccountError("There is no user with this e-mail address.")
    return user


def create_user(
    session: Session, *, email: str, password: str, role: str, at: datetime, actor: str
) -> User:
    """Add a user; AccountError or PasswordRefusedError say what is wrong."""
    email = normalize_email(email)
    if role not in ROLES:
        raise AccountError(f"A role is {' or '.join(ROLES)}.")
    check_password(password, email)
    record(session, at=at, actor=actor, action="USER_CREATED", target=email, detail={"role": role})
    if session.scalar(select(exists(select(User.id).where(User.email == email)))):
        raise AccountError("There is a user with this e-mail address already.")
    user = User(email=email, password_hash=hash_password(password), role=role, created_at=at)
    session.add(user)
    session.flush()
    return user


def create_first_admin(session: Session, *, email: str, password: str, at: datetime) -> bool:
    """Add the first admin unless there is a user; tell whether it did."""
    if any_user(session):
        return False
    create_user(session, email=email, password=password, role="admin", at=at, actor="setup")
    # The audit head was locked above, so of two who set up at once the second sees the first.
    if session.scalar(select(func.count(User.id))) != 1:
        raise AccountError("Sentari is set up already. Sign in instead.")
    return True


def disable_user(session: Session, user: User, *, at: datetime, actor: str) -> None:
    """Disable the account and end its sessions at once; the last admin stays."""
    if user.disabled_at is not None:
        return
    record(session, at=at, actor=actor, action="USER_DISABLED", target=user.email)
    if user.role == "admin" and _live_admins(session) <= 1:
        raise AccountError("This is the last admin; create another one first.")
    user.disabled_at = at
    end_sessions(session, user)


def enable_user(session: Session, user: User, *, at: datetime, actor: str) -> None:
    """Let a disabled account sign in again."""
    if user.disabled_at is not None:
        user.disabled_at = None
        record(session, at=at, actor=actor, action="USER_ENABLED", target=user.email)


def reset_password(
    session: Session, user: User, password: str, *, at: datetime, actor: str
) -> None:
    """Set a new password and end the sessions of the old one."""
    check_password(password, user.email)
    user.password_hash = hash_password(password)
    end_sessions(session, user)
    record(session, at=at, actor=actor, action="USER_PASSWORD_RESET", target=user.email)


def verify_login(session: Session, email: str, password: str) -> User | None:
    """Return the user whose e-mail and password these are, unless disabled. Slow on purpose."""
    user = session.scalars(select(User).where(User.email == email.strip().lower())).one_or_none()
    if not verify_password(user.password_hash if user else None, password):
        return None
    return user if user and user.disabled_at is None else None


def begin_session(session: Session, user: User, *, at: datetime) -> str:
    """Store a new session and return its token, which only the browser keeps."""
    token = sessions.begin(session, at=at, user_id=user.id)
    user.last_login_at = at
    record(session, at=at, actor=user.actor, action="USER_LOGGED_IN", target=user.email)
    return token


def end_sessions(session: Session, user: User) -> None:
    """End all sessions of the user."""
    sessions.end_where(session, UserSession.user_id == user.id)


def _live_admins(session: Session) -> int:
    query = select(func.count(User.id)).where(User.role == "admin", User.disabled_at.is_(None))
    return session.scalar(query) or 0
