"""Queue mails with the change that causes them, and hand them to a transport. Callers commit."""

import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from license_server.outbox.models import CANCELLED, HELD, QUEUED, SENT, OutboxMail
from license_server.outbox.transports import Mail, MailError, Transport
from serverkit.clock import Clock
from serverkit.secrets import derive_key, seal, unseal

log = logging.getLogger(__name__)

KEY_MAIL = "license_key"
_BACK_OFF_MINUTES = (1, 5, 15, 60, 360)
_BATCH = 1000


def sealing_key(secret_key: str) -> bytes:
    """Return the key under which waiting mails are stored."""
    return derive_key(secret_key, "license-server/outbox")


@dataclass(frozen=True)
class Draft:
    """What is to be mailed, and to whom."""

    kind: str
    recipient: str
    subject: str
    text: str


def queue(
    session: Session, draft: Draft, *, license_id: str, held: bool, key: bytes, at: datetime
) -> None:
    """Store a mail in the caller's transaction; a held one waits for `release`."""
    session.add(
        OutboxMail(
            id=str(uuid.uuid4()),
            license_id=license_id,
            kind=draft.kind,
            recipient=draft.recipient,
            subject=draft.subject,
            text_sealed=seal(key, draft.text.encode()),
            state=HELD if held else QUEUED,
            attempts=0,
            next_attempt_at=at,
            created_at=at,
        )
    )


def release(session: Session, license_id: str, *, at: datetime) -> None:
    """Let the license's held mails go."""
    session.execute(
        update(OutboxMail)
        .where(OutboxMail.license_id == license_id, OutboxMail.state == HELD)
        .values(state=QUEUED, next_attempt_at=at)
    )


def cancel(session: Session, license_id: str) -> None:
    """Drop the license's waiting mails: the key in them is no longer good for anything."""
    session.execute(
        update(OutboxMail)
        .where(OutboxMail.license_id == license_id, OutboxMail.state.in_([HELD, QUEUED]))
        .values(state=CANCELLED, text_sealed=None)
    )


Writing = Callable[[], AbstractContextManager[Session]]


def send_due(
    writing: Writing, transport: Transport, *, key: bytes, clock: Clock
) -> tuple[int, int]:
    """Deliver the mails that are due, each in transactions of its own; return sent and failed.

    A mail is taken by moving its next attempt ahead, so that two senders at once do not both
    send it, and a sender that dies leaves it to be tried again.
    """
    sent = failed = 0
    for _ in range(_BATCH):
        with writing() as session:
            mail = _take(session, clock.now(), key)
        if mail is None:
            break
        error = _deliver(transport, mail)
        with writing() as session:
            _settle(session, mail.id, error, clock.now())
        sent, failed = sent + (error is None), failed + (error is not None)
    return sent, failed


def _take(session: Session, now: datetime, key: bytes) -> Mail | None:
    query = (
        select(OutboxMail)
        .where(OutboxMail.state == QUEUED, OutboxMail.next_attempt_at <= now)
        .order_by(OutboxMail.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalars(query).one_or_none()
    if row is None or row.text_sealed is None:
        return None
    wait = _BACK_OFF_MINUTES[min(row.attempts, len(_BACK_OFF_MINUTES) - 1)]
    row.attempts += 1
    row.next_attempt_at = now + timedelta(minutes=wait)
    text = unseal(key, row.text_sealed).decode()
    return Mail(row.id, row.recipient, row.subject, text, row.created_at)


def _deliver(transport: Transport, mail: Mail) -> str | None:
    try:
        transport.deliver(mail)
    except MailError as error:
        log.warning("mail was not sent", extra={"mail": mail.id, "error": str(error)})
        return str(error)
    return None


def _settle(session: Session, mail_id: str, error: str | None, now: datetime) -> None:
    row = session.get(OutboxMail, mail_id, with_for_update=True)
    if row is None or row.state != QUEUED:
        return
    if error is not None:
        row.last_error = error[:500]
        return
    row.state, row.text_sealed, row.sent_at, row.last_error = SENT, None, now, None
