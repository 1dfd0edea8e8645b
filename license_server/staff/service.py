"""Make and change staff. Callers commit.

Whatever is written down locks the audit log's head before any other row, so that no two changes
of one person wait for each other.
"""

from datetime import datetime
from typing import Protocol

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from license_server.audit import audit_log, record
from license_server.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Violation,
)
from license_server.mail_address import check_address
from license_server.staff.models import Staff, StaffSession, StaffSignIn, StaffToken
from license_server.staff.roles import APPROVER, ROLES, includes
from serverkit.passwords import PasswordRefusedError, check_password, hash_password
from serverkit.sessions import SessionStore

sessions = SessionStore(StaffSession)


class StaffChange(Protocol):
    """A change of one person, such as `disable_staff`."""

    def __call__(self, session: Session, person: Staff, *, at: datetime, actor: str) -> None:
        """Change the person in the caller's transaction."""


def any_staff(session: Session) -> bool:
    """Tell whether there is anybody who could sign in."""
    return bool(session.scalar(select(exists(select(Staff.id)))))


def list_staff(session: Session) -> list[Staff]:
    """Return everybody by e-mail."""
    return list(session.scalars(select(Staff).order_by(Staff.email)))


def create_staff(
    session: Session,
    *,
    email: str,
    password: str,
    role: str,
    at: datetime,
    actor: str,
    temporary: bool = False,
) -> Staff:
    """Add a person; the refusals name the field. A temporary password must be changed first."""
    email = check_address(email.lower())
    _check_role_name(role)
    _check_password(password, email)
    record(session, at=at, actor=actor, action="STAFF_CREATED", target=email, detail={"role": role})
    if session.scalar(select(exists(select(Staff.id).where(Staff.email == email)))):
        raise ConflictError(f"there is a member of staff with the address {email} already")
    person = Staff(
        email=email,
        password_hash=hash_password(password),
        password_temporary=temporary,
        role=role,
        created_at=at,
    )
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


def get_staff(session: Session, staff_id: int) -> Staff:
    """Return the person, or raise NotFoundError."""
    person = session.get(Staff, staff_id)
    if person is None:
        raise NotFoundError("there is no such member of staff")
    return person


def disable_staff(session: Session, person: Staff, *, at: datetime, actor: str) -> None:
    """End the person's sessions and tokens at once; enabling brings neither back."""
    if person.disabled_at is not None:
        return
    record(session, at=at, actor=actor, action="STAFF_DISABLED", target=person.email)
    _check_takes_away(session, person, actor, "disable")
    person.disabled_at = at
    for token in session.scalars(
        select(StaffToken).where(StaffToken.staff_id == person.id, StaffToken.revoked_at.is_(None))
    ):
        token.revoked_at = at
    end_sessions(session, person)


def enable_staff(session: Session, person: Staff, *, at: datetime, actor: str) -> None:
    """Let a disabled person sign in again."""
    if person.disabled_at is not None:
        person.disabled_at = None
        record(session, at=at, actor=actor, action="STAFF_ENABLED", target=person.email)


def set_role(session: Session, person: Staff, *, role: str, at: datetime, actor: str) -> None:
    """Give the person another role, which holds from the next request on."""
    _check_role_name(role)
    if role == person.role:
        return
    detail = {"role": role, "role_before": person.role}
    record(
        session, at=at, actor=actor, action="STAFF_ROLE_CHANGED", target=person.email, detail=detail
    )
    if not includes(role, person.role):
        _check_takes_away(session, person, actor, "take rights from")
    person.role = role


def reset_password(
    session: Session,
    person: Staff,
    password: str,
    *,
    temporary: bool,
    at: datetime,
    actor: str,
) -> None:
    """Set a new password and end the sessions of the old one."""
    _check_password(password, person.email)
    record(session, at=at, actor=actor, action="STAFF_PASSWORD_RESET", target=person.email)
    person.password_hash, person.password_temporary = hash_password(password), temporary
    end_sessions(session, person)


def reset_totp(session: Session, person: Staff, *, at: datetime, actor: str) -> None:
    """Forget the second factor: the person sets up a new one at the next sign-in."""
    record(session, at=at, actor=actor, action="STAFF_TOTP_RESET", target=person.email)
    person.totp_sealed = person.totp_last_step = None
    end_sessions(session, person)


def change_password(session: Session, person: Staff, password: str, *, at: datetime) -> None:
    """Set the person's own new password and end the sessions of the old one."""
    _check_password(password, person.email)
    record(session, at=at, actor=person.actor, action="STAFF_PASSWORD_CHANGED", target=person.email)
    person.password_hash, person.password_temporary = hash_password(password), False
    end_sessions(session, person)


def sign_out_everywhere(session: Session, person: Staff, *, at: datetime, actor: str) -> None:
    """End all of a person's sessions, and say so in the audit log."""
    record(session, at=at, actor=actor, action="STAFF_SIGNED_OUT_EVERYWHERE", target=person.email)
    end_sessions(session, person)


def end_sessions(session: Session, person: Staff) -> None:
    """End all of a person's sessions, and the sign-ins that were begun."""
    sessions.end_where(session, StaffSession.staff_id == person.id)
    session.execute(delete(StaffSignIn).where(StaffSignIn.staff_id == person.id))


def list_sessions(session: Session, person_id: int, now: datetime) -> list[StaffSession]:
    """Return the person's live sessions, the newest first."""
    return sessions.list_live(session, StaffSession.staff_id == person_id, now)


def end_own_session(session: Session, person: Staff, session_id: int, *, at: datetime) -> None:
    """End one of the person's own sessions; one that is over already is no fault."""
    audit_log.lock(session)
    ended = sessions.end_one(session, session_id, StaffSession.staff_id == person.id)
    if ended is not None:
        record(
            session,
            at=at,
            actor=person.actor,
            action="STAFF_SESSION_ENDED",
            target=person.email,
            detail={"address": ended.address},
        )


def check_role(role: str, needed: str, *, who: str) -> None:
    """Raise ForbiddenError unless the role includes `needed`."""
    if not includes(role, needed):
        detail = f"this needs the role {needed}; {who} has the role {role}"
        raise ForbiddenError(detail, code="role_required")


def _check_role_name(role: str) -> None:
    if role not in ROLES:
        raise InvalidError((Violation("role", f"give one of {', '.join(ROLES)}"),))


def _check_password(password: str, email: str) -> None:
    try:
        check_password(password, email)
    except PasswordRefusedError as error:
        raise InvalidError((Violation("password", str(error)),)) from error


def _check_takes_away(session: Session, person: Staff, actor: str, what: str) -> None:
    """Raise when nobody could undo it: the audit head is locked, so no two do it at once."""
    if actor == person.actor:
        raise ForbiddenError(f"nobody can {what} themselves; ask another approver", code="oneself")
    query = select(func.count(Staff.id)).where(Staff.role == APPROVER, Staff.disabled_at.is_(None))
    last = person.role == APPROVER and person.disabled_at is None and session.scalar(query) == 1
    if last:
        detail = f"{person.email} is the last approver; make another one first"
        raise ConflictError(detail, code="last_approver")
