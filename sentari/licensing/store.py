"""Read and write the license's rows, within the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.orm import Session

from license_token.license_key import LicenseKey
from license_token.reply import Reply
from sentari.licensing.answer import CheckInError
from sentari.licensing.models import (
    ROW,
    CheckInRecord,
    InstalledLicense,
    StoredKey,
    StoredRequest,
)
from sentari.licensing.schedule import Schedule
from sentari.licensing.tamper import columns_of
from sentari.licensing.vault import Purpose, Vault

_COLUMNS = [column.name for column in InstalledLicense.__table__.columns if column.name != "id"]


class Role(StrEnum):
    """What a stored key is for."""

    CURRENT = "current"
    PENDING = "pending"


@dataclass(frozen=True)
class RawLicense:
    """The license row exactly as the database has it, whatever somebody wrote into it."""

    reply: str
    columns: Mapping[str, object]


def read_license(session: Session) -> RawLicense | None:
    """Return the row without the types of the models: an edited value must be seen, not raise."""
    connection = session.connection()
    found = connection.execute(text(_select(connection))).mappings().one_or_none()
    if found is None:
        return None
    values = {name: _text(value) for name, value in found.items()}
    reply = values.pop("reply")
    return RawLicense(reply if isinstance(reply, str) else "", values)


def replace_license(session: Session, reply: Reply) -> None:
    """Store the reply and its claims in place of whatever is there."""
    values: dict[str, str | int | date | None] = dict(columns_of(reply.claims))
    session.execute(delete(InstalledLicense))
    session.execute(InstalledLicense.__table__.insert().values(id=ROW, reply=reply.text, **values))


def delete_license(session: Session) -> None:
    """Remove the license with its keys, its open requests and what became of the last one."""
    for model in (InstalledLicense, StoredKey, StoredRequest, CheckInRecord):
        session.execute(delete(model))


def find_key(session: Session, role: Role) -> StoredKey | None:
    """Return the stored key of a role."""
    return session.get(StoredKey, role.value, populate_existing=True)


def next_key(session: Session) -> StoredKey | None:
    """Return the key to ask the vendor for: the one that waits, else the one in force."""
    return find_key(session, Role.PENDING) or find_key(session, Role.CURRENT)


def is_key_known(session: Session, key_hash: str) -> bool:
    """Tell whether a key is stored, in whatever role."""
    query = select(StoredKey.role).where(StoredKey.key_hash == key_hash).limit(1)
    return session.scalars(query).first() is not None


def put_pending_key(session: Session, vault: Vault, key: LicenseKey, now: datetime) -> None:
    """Store a key that waits for its first reply, in place of another that waited."""
    discard_pending_key(session)
    session.add(
        StoredKey(
            role=Role.PENDING.value,
            sealed_key=vault.seal(Purpose.LICENSE_KEY, key.characters.encode()),
            key_hash=key.key_hash,
            hint=key.hint,
            given_at=now,
        )
    )
    session.flush()


def discard_pending_key(session: Session) -> StoredKey | None:
    """Forget the key that waits, with its request; return what it was."""
    waiting = find_key(session, Role.PENDING)
    if waiting is not None:
        delete_request(session, waiting.key_hash)
        session.delete(waiting)
        session.flush()
    return waiting


def promote_key(session: Session, key_hash: str) -> bool:
    """Make the key that a reply was for the current one; tell whether it had been waiting."""
    waiting = find_key(session, Role.PENDING)
    if waiting is None or waiting.key_hash != key_hash:
        return False
    delete_current_key(session)
    waiting.role, waiting.cause, waiting.detail = Role.CURRENT.value, None, None
    session.flush()
    return True


def delete_current_key(session: Session) -> None:
    """Forget the key of a license that another one replaces, with its request."""
    current = find_key(session, Role.CURRENT)
    if current is not None:
        delete_request(session, current.key_hash)
        session.delete(current)
        session.flush()


def find_request(session: Session, key_hash: str) -> StoredRequest | None:
    """Return the unanswered request of a key."""
    return session.get(StoredRequest, key_hash, populate_existing=True)


def request_by_nonce(session: Session, nonce: str, since: datetime) -> StoredRequest | None:
    """Return the unanswered request with a nonce, unless it was made before `since`."""
    query = select(StoredRequest).where(
        StoredRequest.nonce == nonce, StoredRequest.created_at > since
    )
    return session.scalars(query).one_or_none()


def put_request(
    session: Session, *, key_hash: str, nonce: str, document: str, now: datetime
) -> StoredRequest:
    """Store a request before it is sent, in place of an older one for the same key."""
    delete_request(session, key_hash)
    stored = StoredRequest(key_hash=key_hash, nonce=nonce, document=document, created_at=now)
    session.add(stored)
    session.flush()
    return stored


def delete_request(session: Session, key_hash: str) -> None:
    """Forget a request: it was answered, or must not be."""
    session.execute(delete(StoredRequest).where(StoredRequest.key_hash == key_hash))


def check_in_record(session: Session) -> CheckInRecord | None:
    """Return how the last check-in went."""
    return session.get(CheckInRecord, ROW, populate_existing=True)


def record_success(session: Session, now: datetime, schedule: Schedule) -> str | None:
    """Write down that a reply was applied; return the cause of the failures before it."""
    record = _ensure_record(session)
    before = record.cause
    record.attempted_at = record.succeeded_at = now
    record.cause = record.detail = record.retry_after_seconds = None
    record.failures = 0
    record.next_at = schedule.after_success(now)
    return before


def record_failure(
    session: Session, now: datetime, error: CheckInError, schedule: Schedule
) -> str | None:
    """Write down why a check-in changed nothing; return the cause of the one before it."""
    record = _ensure_record(session)
    before = record.cause
    record.attempted_at = now
    record.cause, record.detail = error.cause.value, error.detail
    record.retry_after_seconds = error.retry_after_seconds
    record.failures += 1
    record.next_at = schedule.after_failure(now, record.failures, error.retry_after_seconds)
    return before


def ask_soon(session: Session) -> None:
    """Have the server ask the vendor as soon as it looks, whatever was planned."""
    record = check_in_record(session)
    if record is not None:
        record.next_at, record.failures = None, 0


def _ensure_record(session: Session) -> CheckInRecord:
    record = check_in_record(session)
    if record is None:
        record = CheckInRecord(id=ROW, failures=0)
        session.add(record)
        session.flush()
    return record


def _select(connection: Connection) -> str:
    names = list(_COLUMNS)
    if connection.dialect.name == "sqlite":
        # SQLite lets any value into any column, and the driver fails on text that is not UTF-8.
        names = [
            f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END AS {name}"
            for name in names
        ]
    return f"SELECT {', '.join(names)} FROM installed_license WHERE id = {ROW}"  # noqa: S608 - the model's own names


def _text(value: Any) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
