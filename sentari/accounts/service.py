"""Make users and sign them in; what they do with their own account. Callers commit.

Whatever is written down locks the audit log's head before any other row, so that no two changes
of one account wait for each other.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from sentari.accounts.models import ROLES, ApiToken, User, UserSession
from sentari.audit.store import audit_log, record
from serverkit.browsers import Browser
from serverkit.paging import Page
from serverkit.passwords import check_password, hash_password, verify_password
from serverkit.sessions import SessionStore

ONE_TIME_LIFETIME = timedelta(hours=72)
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}\Z")

sessions = SessionStore(UserSession)


class AccountError(ValueError):
    """An account cannot be made or changed that way; the text says why.

    `code` is what programs compare, `field` what of the form or document it is about.
    """

    def __init__(self, detail: str, *, code: str = "not_possible", field: str = "") -> None:
        """Say why, in a sentence."""
        super().__init__(detail)
        self.code, self.field = code, field


@dataclass(frozen=True)
class Verified:
    """Whose password was given: good as long as the account stays as it was then."""

    user_id: int
    password_hash: str = field(repr=False)

    @classmethod
    def of(cls, user: User) -> "Verified":
        """Remember what the password was compared with."""
        return cls(user.id, user.password_hash)


def normalize_email(email: str) -> str:
    """Return the address in the form in which it is stored, or raise AccountError."""
    email = email.strip().lower()
    if not _EMAIL.match(email):
        raise AccountError("This is not an e-mail address.", code="invalid", field="email")
    return email


def check_role(role: str) -> None:
    """Raise AccountError unless there is such a role."""
    if role not in ROLES:
        detail = f"A role is {' or '.join(ROLES)}."
        raise AccountError(detail, code="invalid", field="role")


def any_user(session: Session) -> bool:
    """Tell whether the first-run setup is over."""
    return bool(session.scalar(select(exists(select(User.id)))))


def list_users(session: Session) -> list[User]:
    """Return all users by e-mail."""
    return list(session.scalars(select(User).order_by(User.email)))


def search_users(
    session: Session, search: str = "", *, page: int = 1, page_size: int = 50
) -> Page[User]:
    """Return one page of the users whose e-mail contains the text, by e-mail."""
    query = select(User).where(User.email.contains(search.strip().lower(), autoescape=True))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    ordered = query.order_by(User.email).offset((page - 1) * page_size).limit(page_size)
    return Page(list(session.scalars(ordered)), total, page, page_size)


def find_user(session: Session, email: str) -> User:
    """Return the user, or raise AccountError."""
    user = session.scalars(select(User).where(User.email == email.strip().lower())).one_or_none()
    if user is None:
        raise AccountError("There is no user with this e-mail address.", code="not_found")
    return user


def get_user(session: Session, user_id: int) -> User:
    """Return the user, or raise AccountError."""
    user = session.get(User, user_id, populate_existing=True)
    if user is None:
        raise AccountError("There is no such user.", code="not_found")
    return user


def create_user(
    session: Session,
    *,
    email: str,
    password: str,
    role: str,
    at: datetime,
    actor: str,
    one_time: bool = False,
) -> User:
    """Add a user; AccountError or PasswordRefusedError say what is wrong."""
    email = normalize_email(email)
    check_role(role)
    check_password(password, email)
    detail = {"role": role, "one_time_password": one_time}
    record(session, at=at, actor=actor, action="USER_CREATED", target=email, detail=detail)
    if session.scalar(select(exists(select(User.id).where(User.email == email)))):
        detail_text = "There is a user with this e-mail address already."
        raise AccountError(detail_text, code="user_exists", field="email")
    user = User(
        email=email,
        password_hash=hash_password(password),
        role=role,
        created_at=at,
        one_time_until=at + ONE_TIME_LIFETIME if one_time else None,
    )
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
        raise AccountError("Sentari is set up already. Sign in instead.", field="email")
    return True


def verify_login(session: Session, email: str, password: str) -> User | None:
    """Return the user whose e-mail and password these are, unless disabled. Slow on purpose."""
    user = session.scalars(select(User).where(User.email == email.strip().lower())).one_or_none()
    if not verify_password(user.password_hash if user else None, password):
        return None
    return user if user and user.disabled_at is None else None


def begin_session(session: Session, verified: Verified, browser: Browser, *, at: datetime) -> str:
    """Store a new session and return its token, which only the browser keeps."""
    user = _still(session, verified)
    token = sessions.begin(session, browser, at=at, user_id=user.id)
    user.last_login_at = at
    detail = {"address": browser.address}
    record(
        session, at=at, actor=user.actor, action="USER_LOGGED_IN", target=user.email, detail=detail
    )
    return token


def _still(session: Session, verified: Verified) -> User:
    """Return the user, once nobody else can be changing the account.

    To compare a password takes a while. Who was disabled or reset meanwhile must not come in
    with what was right a moment before.
    """
    audit_log.lock(session)
    user = get_user(session, verified.user_id)
    if user.password_hash != verified.password_hash or user.disabled_at is not None:
        raise AccountError("Your account was changed just now. Sign in again.", code="changed")
    return user


def change_own_password(
    session: Session, verified: Verified, password: str, browser: Browser, *, at: datetime
) -> str:
    """Set the person's own new password, end all sessions, and begin a new one."""
    user = _still(session, verified)
    check_password(password, user.email)
    user.password_hash, user.one_time_until = hash_password(password), None
    end_sessions(session, user)
    record(session, at=at, actor=user.actor, action="USER_PASSWORD_CHANGED", target=user.email)
    return sessions.begin(session, browser, at=at, user_id=user.id)


def list_sessions(session: Session, user_id: int, now: datetime) -> list[UserSession]:
    """Return the user's live sessions, the newest first."""
    return sessions.list_live(session, UserSession.user_id == user_id, now)


def end_own_session(session: Session, user: User, session_id: int, *, at: datetime) -> None:
    """End one of the user's own sessions; one that is over already is no fault."""
    audit_log.lock(session)
    ended = sessions.end_one(session, session_id, UserSession.user_id == user.id)
    if ended is not None:
        action, detail = "USER_SESSION_ENDED", {"address": ended.address}
        record(session, at=at, actor=user.actor, action=action, target=user.email, detail=detail)


def sign_out_everywhere(session: Session, user: User, *, at: datetime) -> None:
    """End all of the user's own sessions."""
    action = "USER_SIGNED_OUT_EVERYWHERE"
    record(session, at=at, actor=user.actor, action=action, target=user.email)
    end_sessions(session, user)


def end_sessions(session: Session, user: User) -> None:
    """End all sessions of the user."""
    sessions.end_where(session, UserSession.user_id == user.id)


def tokens_made_by(session: Session, user: User, now: datetime) -> list[ApiToken]:
    """Return the API tokens that the user made and that still work."""
    query = select(ApiToken).where(ApiToken.created_by == user.actor).order_by(ApiToken.id)
    return [token for token in session.scalars(query) if token.live(now)]
