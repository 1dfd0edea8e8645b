"""Queue mails with the change that causes them, and hand them to a transport. Callers commit."""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from license_server.outbox.letter import Letter
from license_server.outbox.models import (
    CANCELLED,
    FAILED,
    HELD,
    KEY_MAIL,
    QUEUED,
    SENT,
    WAITING,
    OutboxMail,
)
from license_server.outbox.schedule import MOST_ATTEMPTS, wait_after
from license_server.outbox.transports import (
    Mail,
    MailError,
    MailRefusedError,
    MailServerError,
    Transport,
)
from serverkit.clock import Clock
from serverkit.database import Writing
from serverkit.secrets import SealError, derive_key, seal, unseal

log = logging.getLogger(__name__)

PUT_OFF = "put_off"
_BATCH = 1000


def sealing_key(secret_key: str) -> bytes:
    """Return the key under which mails are stored."""
    return derive_key(secret_key, "license-server/outbox")


@dataclass(frozen=True)
class Draft:
    """What is to be mailed, to whom, and what about."""

    kind: str
    license_id: str
    recipient: str
    letter: Letter


def queue(session: Session, draft: Draft, *, held: bool, key: bytes, at: datetime) -> OutboxMail:
    """Store a mail in the caller's transaction; a held one waits for `release`."""
    mail = OutboxMail(
        id=str(uuid.uuid4()),
        license_id=draft.license_id,
        kind=draft.kind,
        recipient=draft.recipient,
        subject=draft.letter.subject,
        text_sealed=seal(key, draft.letter.text.encode()),
        html_sealed=seal(key, draft.letter.html.encode()),
        state=HELD if held else QUEUED,
        attempts=0,
        next_attempt_at=at,
        created_at=at,
    )
    session.add(mail)
    return mail


def copy(session: Session, mail: OutboxMail, *, recipient: str, at: datetime) -> OutboxMail:
    """Queue a mail with the content of another one, as a message of its own."""
    again = OutboxMail(
        id=str(uuid.uuid4()),
        license_id=mail.license_id,
        kind=mail.kind,
        recipient=recipient,
        subject=mail.subject,
        text_sealed=mail.text_sealed,
        html_sealed=mail.html_sealed,
        state=QUEUED,
        attempts=0,
        next_attempt_at=at,
        created_at=at,
    )
    session.add(again)
    return again


def release(session: Session, license_id: str, *, at: datetime) -> None:
    """Let the license's held mails go."""
    session.execute(
        update(OutboxMail)
        .where(OutboxMail.license_id == license_id, OutboxMail.state == HELD)
        .values(state=QUEUED, next_attempt_at=at)
    )


def cancel(session: Session, license_id: str, kinds: Collection[str]) -> None:
    """Drop the license's waiting mails of these kinds: what they say is no longer so."""
    query = select(OutboxMail).where(
        OutboxMail.license_id == license_id,
        OutboxMail.kind.in_(kinds),
        OutboxMail.state.in_(WAITING),
    )
    for mail in session.scalars(query.with_for_update()):
        end(mail, CANCELLED)


def end(mail: OutboxMail, state: str) -> None:
    """Bring a mail to a state in which it waits for nothing; a key in it is erased."""
    mail.state = state
    if mail.kind == KEY_MAIL:
        mail.text_sealed = mail.html_sealed = None


@dataclass
class Run:
    """What came of sending: counts by (kind, result).

    `stalled` when the mail server as a whole was at fault and the other mails were left alone.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    stalled: bool = False

    def total(self, result: str) -> int:
        """Return how many mails had the result `sent`, `put_off` or `failed`."""
        return sum(count for (_, found), count in self.counts.items() if found == result)


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether any mail is due: cheaper than a transaction that could take it."""
    return session.scalar(select(_due(now).exists())) or False


def send_due(
    writing: Writing,
    transport: Transport,
    *,
    key: bytes,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
) -> Run:
    """Deliver the mails that are due, each in transactions of its own.

    A mail is taken by moving its next attempt ahead, so that two senders at once do not both
    send it, and a sender that dies leaves it to be tried again.
    """
    run = Run()
    for _ in range(_BATCH):
        if run.stalled or stopping():
            break
        with writing() as session:
            taken = _take(session, clock.now(), key)
        if taken is None:
            break
        error = _deliver(transport, taken)
        with writing() as session:
            result = _settle(session, taken, error, clock.now())
        run.counts[taken.kind, result] += 1
        run.stalled = isinstance(error, MailServerError)
    return run


@dataclass(frozen=True)
class _Taken:
    """One attempt at a mail; `mail` is None when its content does not open."""

    id: str
    kind: str
    attempt: int
    mail: Mail | None


def _due(now: datetime) -> Select[OutboxMail]:
    return select(OutboxMail).where(OutboxMail.state == QUEUED, OutboxMail.next_attempt_at <= now)


def _take(session: Session, now: datetime, key: bytes) -> _Taken | None:
    query = _due(now).order_by(OutboxMail.next_attempt_at).limit(1)
    row = session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return None
    row.attempts += 1
    row.next_attempt_at = now + wait_after(row.attempts)
    return _Taken(row.id, row.kind, row.attempts, _open(row, key))


def _open(row: OutboxMail, key: bytes) -> Mail | None:
    try:
        text = unseal(key, row.text_sealed or "").decode()
        html = None if row.html_sealed is None else unseal(key, row.html_sealed).decode()
    except SealError:
        return None
    return Mail(row.id, row.recipient, row.subject, text, html, row.created_at)


def preview(row: OutboxMail, key: bytes) -> str | None:
    """Return a mail's text for staff to read; None for one with a key, which nobody sees."""
    if row.kind == KEY_MAIL:
        return None
    mail = _open(row, key)
    return None if mail is None else mail.text


def _deliver(transport: Transport, taken: _Taken) -> MailError | None:
    try:
        if taken.mail is None:
            raise MailRefusedError("the stored mail does not open; was the secret key changed?")
        transport.deliver(taken.mail)
    except MailError as error:
        log.warning("mail was not sent", extra={"mail": taken.id, "error": str(error)})
        return error
    return None


def _settle(session: Session, taken: _Taken, error: MailError | None, now: datetime) -> str:
    row = session.get_one(OutboxMail, taken.id, with_for_update=True)
    if error is None:
        # Also when it was cancelled meanwhile: it did go out.
        end(row, SENT)
        row.sent_at, row.last_error = now, None
        return SENT
    over = isinstance(error, MailRefusedError) or taken.attempt >= MOST_ATTEMPTS
    if row.state == QUEUED and row.attempts == taken.attempt:
        row.last_error = str(error)[:500]
        row.state = FAILED if over else QUEUED
    return FAILED if over else PUT_OFF
