"""What an admin does with other people's accounts. Callers commit.

Each change locks the head of the audit log first, so that of two admins who take each other's
rights at once the second sees what the first has done.
"""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from sentari.accounts.models import User
from sentari.accounts.service import (
    ONE_TIME_LIFETIME,
    AccountError,
    check_role,
    end_sessions,
    get_user,
)
from sentari.audit.store import audit_log, record
from serverkit.passwords import check_password, hash_password


class UserChange(Protocol):
    """A change of one user, such as `disable_user`."""

    def __call__(self, session: Session, user: User, *, at: datetime, actor: str) -> None:
        """Change the user in the caller's transaction."""


def check_still_admin(session: Session, user_id: int) -> None:
    """Raise AccountError unless the admin who asked is one still, now that no other writes."""
    audit_log.lock(session)
    acting = get_user(session, user_id)
    if acting.role != "admin" or acting.state != "active":
        raise AccountError("You are no longer an admin.", code="forbidden")


def disable_user(session: Session, user: User, *, at: datetime, actor: str) -> None:
    """Disable the account and end its sessions at once; the last active admin stays."""
    _lock(session, user)
    if user.disabled_at is not None:
        return
    _change_unless_last(session, user, disabled_at=at)
    end_sessions(session, user)
    record(session, at=at, actor=actor, action="USER_DISABLED", target=user.email)


def enable_user(session: Session, user: User, *, at: datetime, actor: str) -> None:
    """Let a disabled account sign in again."""
    _lock(session, user)
    if user.disabled_at is not None:
        user.disabled_at = None
        record(session, at=at, actor=actor, action="USER_ENABLED", target=user.email)


def set_role(session: Session, user: User, *, role: str, at: datetime, actor: str) -> None:
    """Give the user another role, which holds from the next request on; one active admin stays."""
    check_role(role)
    _lock(session, user)
    if user.role == role:
        return
    detail = {"role": role, "role_before": user.role}
    if role == "admin":
        user.role = role
    else:
        _change_unless_last(session, user, role=role)
    action = "USER_ROLE_CHANGED"
    record(session, at=at, actor=actor, action=action, target=user.email, detail=detail)


def reset_password(
    session: Session,
    user: User,
    password: str,
    *,
    at: datetime,
    actor: str,
    one_time: bool = False,
) -> None:
    """Set a new password and end the sessions of the old one."""
    check_password(password, user.email)
    _lock(session, user)
    detail = {"one_time_password": one_time}
    action = "USER_PASSWORD_RESET"
    record(session, at=at, actor=actor, action=action, target=user.email, detail=detail)
    user.password_hash = hash_password(password)
    user.one_time_until = at + ONE_TIME_LIFETIME if one_time else None
    end_sessions(session, user)


def _lock(session: Session, user: User) -> None:
    audit_log.lock(session)
    session.refresh(user)


def _change_unless_last(session: Session, user: User, **values: Any) -> None:
    """Take rights from a user; the one statement sees to it that an active admin is left."""
    other = aliased(User)
    another = exists(
        select(other.id).where(
            other.id != user.id,
            other.role == "admin",
            other.disabled_at.is_(None),
            other.one_time_until.is_(None),
        )
    )
    takes_nothing = or_(User.role != "admin", User.disabled_at.is_not(None))
    statement = update(User).where(User.id == user.id, or_(takes_nothing, another)).values(**values)
    changed = session.execute(statement.execution_options(synchronize_session=False))
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        detail = "This is the last active admin; make another one first."
        raise AccountError(detail, code="last_admin")
    session.refresh(user)
