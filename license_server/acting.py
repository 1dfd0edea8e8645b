"""What surrounds every act: who did it, and the mails that it, or the time, has caused."""

from collections.abc import Callable

from license_server import metrics
from license_server.access import caller
from license_server.extensions import current, db, writing
from license_server.licenses import service as licenses
from license_server.licenses.writing import Act
from license_server.notices import service as notices
from license_server.outbox.service import Run, is_due, send_due
from license_server.signing import ceremony


def act_of(actor: str) -> Act:
    """Return an act of this moment by `staff:<e-mail>` or `cli`."""
    server = current()
    return Act(actor, server.clock.now(), server.mail_key)


def by_caller() -> Act:
    """Return an act of this moment by the member of staff who sent the request."""
    return act_of(caller().actor)


def sign_in_advance(license_id: str, *, seen: int | None = None, remark: str = "") -> str:
    """Sign a reply that one air-gapped server can be started with."""
    server, by = current(), by_caller()
    signer = server.keyring.current(db.session(), int(by.at.timestamp()))
    issuer_url = server.settings.issuer_url
    with writing() as session:
        claims = licenses.presign(
            session, license_id, issuer_url=issuer_url, act=by, seen=seen, remark=remark
        )
    return signer.sign(claims)


def deliver_mails() -> None:
    """Send what is due, after the commit, when it only has to be written into files.

    A mail server is waited for in the background alone: a request must not hang on it.
    """
    if current().transport.immediate:
        send_mails()


def send_mails(stopping: Callable[[], bool] = lambda: False) -> Run:
    """Send what is due, and count it."""
    server = current()
    if not is_due(db.session(), server.clock.now()):
        return Run()
    run = send_due(
        writing, server.transport, key=server.mail_key, clock=server.clock, stopping=stopping
    )
    metrics.count_mails(run.counts)
    return run


def queue_notices() -> int:
    """Queue the notices that are due, and return how many."""
    server = current()
    return notices.queue_due(db.session(), writing, key=server.mail_key, now=server.clock.now())


def erase_used_up_keys() -> int:
    """Erase signing keys that have nothing left to sign, and return how many."""
    server = current()
    if not ceremony.used_up(db.session(), server.clock.now()):
        return 0
    with writing() as session:
        return ceremony.erase_used_up(session, at=server.clock.now(), actor="server")
