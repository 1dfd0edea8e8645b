"""What staff do to single mails. Every function takes the caller's transaction; none commits."""

from sqlalchemy.orm import Session

from license_server.audit import record
from license_server.errors import ConflictError, NotFoundError
from license_server.licenses.writing import Act
from license_server.outbox.models import (
    CANCELLED,
    FAILED,
    KEY_MAIL,
    QUEUED,
    SENT,
    WAITING,
    OutboxMail,
)
from license_server.outbox.schedule import is_being_sent
from license_server.outbox.service import copy, end


def get_mail(session: Session, mail_id: str) -> OutboxMail:
    """Return the mail, or raise NotFoundError."""
    mail = session.get(OutboxMail, mail_id)
    if mail is None:
        raise NotFoundError("there is no mail with this id")
    return mail


def can_retry(mail: OutboxMail) -> bool:
    """Tell whether the mail waits for its next attempt, or for somebody to allow one."""
    return mail.state in (QUEUED, FAILED)


def can_cancel(mail: OutboxMail) -> bool:
    """Tell whether the mail has not gone out."""
    return mail.state in WAITING


def can_send_again(mail: OutboxMail) -> bool:
    """Tell whether the mail went out and may do so once more: the key of one is not stored."""
    return mail.state == SENT and mail.kind != KEY_MAIL


def retry(session: Session, mail_id: str, act: Act) -> OutboxMail:
    """Make a waiting or failed mail due at once, to the customer's present address."""
    mail = _locked(session, mail_id)
    if not can_retry(mail):
        raise ConflictError(f"a mail that is {mail.state} cannot be tried again")
    if is_being_sent(mail.attempts, mail.next_attempt_at, act.at) and mail.state == QUEUED:
        raise ConflictError("the mail is being sent at this moment; look again in a minute")
    mail.recipient = mail.license.customer.email
    mail.state, mail.attempts, mail.next_attempt_at = QUEUED, 0, act.at
    _record(session, act, "MAIL_RETRIED", mail)
    return mail


def cancel(session: Session, mail_id: str, act: Act) -> OutboxMail:
    """Never send the mail; a key in it is erased."""
    mail = _locked(session, mail_id)
    if not can_cancel(mail):
        raise ConflictError(f"a mail that is {mail.state} cannot be cancelled")
    end(mail, CANCELLED)
    _record(session, act, "MAIL_CANCELLED", mail)
    return mail


def send_again(session: Session, mail_id: str, act: Act) -> OutboxMail:
    """Queue a new mail with what a sent one said, to the customer's present address."""
    mail = _locked(session, mail_id)
    if mail.kind == KEY_MAIL:
        raise ConflictError("the key is not stored any more: issue a new one with rekey")
    if not can_send_again(mail):
        raise ConflictError(f"only a sent mail is sent again; this one is {mail.state}")
    again = copy(session, mail, recipient=mail.license.customer.email, at=act.at)
    _record(session, act, "MAIL_SENT_AGAIN", again, first=mail.id)
    return again


def _locked(session: Session, mail_id: str) -> OutboxMail:
    mail = session.get(OutboxMail, mail_id, with_for_update=True, populate_existing=True)
    if mail is None:
        raise NotFoundError("there is no mail with this id")
    return mail


def _record(session: Session, act: Act, action: str, mail: OutboxMail, **detail: str) -> None:
    record(
        session,
        at=act.at,
        actor=act.actor,
        action=action,
        target=f"license:{mail.license_id}",
        detail={"mail": mail.id, "kind": mail.kind, "recipient": mail.recipient, **detail},
    )
