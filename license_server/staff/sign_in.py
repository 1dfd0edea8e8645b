"""Signing in, in two steps: the password begins it, the code ends it. Callers commit."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.errors import UnavailableError
from license_server.staff import totp
from license_server.staff.models import Staff, StaffSignIn
from license_server.staff.service import sessions
from serverkit.browsers import Browser
from serverkit.passwords import verify_password
from serverkit.secrets import SealError, derive_key, seal, unseal
from serverkit.tokens import hash_token, new_token

LIFETIME = timedelta(minutes=5)


def sealing_key(secret_key: str) -> bytes:
    """Return the key under which the second factors are stored."""
    return derive_key(secret_key, "license-server/totp")


@dataclass(frozen=True)
class Outcome:
    """What came of a code: a session's token, or why there is none."""

    token: str | None = field(default=None, repr=False)
    refusal: "Refusal | None" = None


class Refusal(StrEnum):
    """Why a code was not taken."""

    OVER = "over"
    WRONG = "wrong"
    USED = "used"


def verify_login(session: Session, email: str, password: str) -> int | None:
    """Return the id of whose e-mail and password these are, unless disabled. Slow on purpose."""
    query = select(Staff).where(Staff.email == email.strip().lower())
    person = session.scalars(query).one_or_none()
    if not verify_password(person.password_hash if person else None, password):
        return None
    return person.id if person and person.disabled_at is None else None


def begin(session: Session, staff_id: int, *, key: bytes, at: datetime) -> str:
    """Note that the password was right, and return the token of the step that follows."""
    session.execute(delete(StaffSignIn).where(StaffSignIn.begun_at <= at - LIFETIME))
    person = session.get_one(Staff, staff_id)
    offered = None if person.totp_sealed else seal(key, totp.new_secret().encode())
    token = new_token()
    session.add(
        StaffSignIn(
            token_hash=hash_token(token), staff_id=staff_id, begun_at=at, totp_sealed=offered
        )
    )
    return token


def find(session: Session, token: str, now: datetime) -> StaffSignIn | None:
    """Return the sign-in that this token continues, unless it is over."""
    row: StaffSignIn | None = session.scalars(_query(token)).one_or_none()
    return row if row is not None and _live(row, now) else None


def secret_of(row: StaffSignIn, key: bytes) -> str:
    """Return the secret that the code must come from: the person's, or the one on offer."""
    sealed = row.staff.totp_sealed or row.totp_sealed or ""
    try:
        return unseal(key, sealed).decode()
    except SealError as error:
        detail = "the second factor does not open with this server's secret key; see the documents"
        raise UnavailableError(detail) from error


def finish(
    session: Session, token: str, code: str, browser: Browser, *, key: bytes, at: datetime
) -> Outcome:
    """Take the code and begin a session; each code is taken once, whoever asks at the same time."""
    query = _query(token).with_for_update(of=StaffSignIn)
    query = query.execution_options(populate_existing=True)
    row: StaffSignIn | None = session.scalars(query).one_or_none()
    if row is None or not _live(row, at):
        return Outcome(refusal=Refusal.OVER)
    person = row.staff
    step = totp.matching_step(secret_of(row, key), code, at)
    if step is None:
        return _refused(session, person, Refusal.WRONG, browser, at)
    enrolls = person.totp_sealed is None
    if not _take(session, person, row, step):
        return _refused(session, person, Refusal.USED, browser, at)
    session.delete(row)
    person.last_login_at = at
    if enrolls:
        _record(session, person, "STAFF_TOTP_ENROLLED", browser, at)
    _record(session, person, "STAFF_LOGGED_IN", browser, at)
    return Outcome(sessions.begin(session, browser, at=at, staff_id=person.id))


def note_wrong_password(session: Session, email: str, browser: Browser, at: datetime) -> None:
    """Write down that somebody tried."""
    record(
        session,
        at=at,
        actor="anonymous",
        action="STAFF_LOGIN_FAILED",
        target=email.strip()[:254],
        detail={"address": browser.address},
    )


def _take(session: Session, person: Staff, row: StaffSignIn, step: int) -> bool:
    """Write the code's step down as used; False when it, or a later one, was used before."""
    statement = update(Staff).where(Staff.id == person.id)
    if person.totp_sealed is None:
        statement = statement.where(Staff.totp_sealed.is_(None))
        statement = statement.values(totp_sealed=row.totp_sealed, totp_last_step=step)
    else:
        statement = statement.where(Staff.totp_last_step < step).values(totp_last_step=step)
    taken = session.execute(statement.execution_options(synchronize_session=False))
    session.refresh(person)
    return taken.rowcount == 1  # type: ignore[attr-defined, no-any-return]


def _query(token: str) -> Select[Any]:
    return select(StaffSignIn).where(StaffSignIn.token_hash == hash_token(token))


def _live(row: StaffSignIn, now: datetime) -> bool:
    return row.staff.disabled_at is None and now - row.begun_at < LIFETIME


def _refused(
    session: Session, person: Staff, refusal: Refusal, browser: Browser, at: datetime
) -> Outcome:
    _record(session, person, "STAFF_CODE_REFUSED", browser, at, why=refusal.value)
    return Outcome(refusal=refusal)


def _record(
    session: Session, person: Staff, action: str, browser: Browser, at: datetime, **detail: str
) -> None:
    record(
        session,
        at=at,
        actor=person.actor,
        action=action,
        target=person.email,
        detail={"address": browser.address, **detail},
    )
