"""Mails wait with the change that caused them, are retried, and leave no key behind."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from license_server.extensions import current, db, writing
from license_server.outbox.models import OutboxMail
from license_server.outbox.service import Draft, cancel, queue, release, send_due
from license_server.outbox.transports import FileTransport, Mail, MailError
from tests.clocks import FakeClock
from tests.license_server.cast import Api

DRAFT = Draft("license_key", "it@example.com", "Your key", "the key is SENT-...")


class Postman:
    """Deliver into a list, unless told to fail."""

    immediate = True

    def __init__(self) -> None:
        self.failing = False
        self.delivered: list[Mail] = []

    def deliver(self, mail: Mail) -> None:
        if self.failing:
            raise MailError("the post is on strike")
        self.delivered.append(mail)


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
def license_id(each_server: Flask) -> str:
    from tests.license_server.conftest import api_of

    return str(api_of(each_server, "issuer").issue()["id"])


def put(server: Flask, license_id: str, *, held: bool = False) -> None:
    with server.app_context(), writing() as session:
        services = current()
        queue(
            session,
            DRAFT,
            license_id=license_id,
            held=held,
            key=services.mail_key,
            at=services.clock.now(),
        )


def send(server: Flask, postman: Postman) -> tuple[int, int]:
    with server.app_context():
        services = current()
        return send_due(writing, postman, key=services.mail_key, clock=services.clock)


def newest(server: Flask) -> OutboxMail:
    with server.app_context():
        query = select(OutboxMail).where(OutboxMail.subject == DRAFT.subject)
        return db.session.scalars(query).one()


def test_a_mail_is_sealed_while_it_waits_and_erased_when_it_is_sent(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)
    assert DRAFT.text not in (newest(each_server).text_sealed or "")
    assert send(each_server, postman) == (1, 0)
    [mail] = postman.delivered
    assert (mail.recipient, mail.subject, mail.text) == (
        DRAFT.recipient,
        DRAFT.subject,
        DRAFT.text,
    )
    sent = newest(each_server)
    assert (sent.state, sent.text_sealed, sent.attempts) == ("sent", None, 1)
    assert send(each_server, postman) == (0, 0)


def test_a_mail_that_could_not_be_sent_is_tried_again_ever_later(
    each_server: Flask, license_id: str, postman: Postman, clock: FakeClock
) -> None:
    put(each_server, license_id)
    postman.failing = True
    for minutes in (1, 5, 15, 60, 360, 360):
        assert send(each_server, postman) == (0, 1)
        waiting = newest(each_server)
        assert waiting.next_attempt_at == clock.now() + timedelta(minutes=minutes)
        assert waiting.last_error == "the post is on strike"
        clock.advance(minutes * 60 - 1)
        assert send(each_server, postman) == (0, 0)
        clock.advance(1)
    postman.failing = False
    assert send(each_server, postman) == (1, 0)
    assert newest(each_server).last_error is None


def test_a_held_mail_goes_out_when_it_is_released(
    each_server: Flask, license_id: str, postman: Postman, clock: FakeClock
) -> None:
    put(each_server, license_id, held=True)
    assert send(each_server, postman) == (0, 0)
    with each_server.app_context(), writing() as session:
        release(session, license_id, at=clock.now())
    assert send(each_server, postman) == (1, 0)


def test_a_cancelled_mail_is_erased_and_never_sent(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)
    with each_server.app_context(), writing() as session:
        cancel(session, license_id)
    assert newest(each_server).text_sealed is None
    assert send(each_server, postman) == (0, 0)


def test_rekeying_takes_the_old_key_out_of_the_outbox(
    server: Flask, issuer: Api, approver: Api, tmp_path: Path
) -> None:
    waiting = issuer.issue(max_devices=None)
    path = f"/api/v1/licenses/{waiting['id']}"
    rekeyed = issuer.post(f"{path}/rekey", {"reason": "mistake"}).json
    approver.post(f"{path}/approve")
    [mail] = (tmp_path / "mail").glob("*.eml")
    assert rekeyed["license_key"] in mail.read_text()
    assert waiting["license_key"] not in mail.read_text()


def test_a_mail_file_is_written_again_under_the_same_name(tmp_path: Path, clock: FakeClock) -> None:
    transport = FileTransport(tmp_path / "mail", "licenses@vendor.example")
    mail = Mail("id-1", "it@example.com", "Subject", "Grüße\n", clock.now())
    transport.deliver(mail)
    transport.deliver(mail)
    [path] = (tmp_path / "mail").iterdir()
    assert path.name == "20261123T120000Z-id-1.eml"
    assert b"Message-ID: <id-1@vendor.example>" in path.read_bytes()


def test_a_mail_file_that_cannot_be_written_is_a_mail_error(
    tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "mail").write_text("in the way")
    transport = FileTransport(tmp_path / "mail", "licenses@vendor.example")
    with pytest.raises(MailError, match="cannot be written"):
        transport.deliver(Mail("id-1", "it@example.com", "Subject", "text", clock.now()))
