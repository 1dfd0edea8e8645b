"""Mails wait with the change that caused them, are retried, and leave no key behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from license_server.errors import ConflictError
from license_server.extensions import current, db, writing
from license_server.licenses.writing import Act
from license_server.outbox import acts
from license_server.outbox.letter import Code, Letter
from license_server.outbox.models import OutboxMail
from license_server.outbox.schedule import MOST_ATTEMPTS
from license_server.outbox.service import Draft, Run, cancel, queue, release, send_due
from license_server.outbox.transports import (
    FileTransport,
    Mail,
    MailError,
    MailRefusedError,
    MailServerError,
)
from tests.clocks import FakeClock
from tests.license_server.cast import Api

KEY = "SENT-00000"
LETTER = Letter("Your key", ("the key is", Code(KEY)))
SENT, PUT_OFF, FAILED = ({("license_key", result): 1} for result in ("sent", "put_off", "failed"))


class Postman:
    """Deliver into a list, unless told to fail."""

    immediate = True

    def __init__(self) -> None:
        self.trouble: MailError | None = None
        self.delivered: list[Mail] = []

    def deliver(self, mail: Mail) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.delivered.append(mail)


@pytest.fixture
def postman() -> Postman:
    return Postman()


@pytest.fixture
def license_id(each_server: Flask) -> str:
    from tests.license_server.conftest import api_of

    return str(api_of(each_server, "issuer").issue()["id"])


def put(
    server: Flask, license_id: str, *, kind: str = "license_key", held: bool = False, late: int = 0
) -> str:
    """Queue a mail, due in `late` seconds, and return its id."""
    draft = Draft(kind, license_id, "it@example.com", LETTER)
    with server.app_context(), writing() as session:
        services = current()
        at = services.clock.now() + timedelta(seconds=late)
        return queue(session, draft, held=held, key=services.mail_key, at=at).id


def send(server: Flask, postman: Postman) -> Run:
    with server.app_context():
        services = current()
        return send_due(writing, postman, key=services.mail_key, clock=services.clock)


def newest(server: Flask) -> OutboxMail:
    with server.app_context():
        query = select(OutboxMail).where(OutboxMail.subject == LETTER.subject)
        return db.session.scalars(query.order_by(OutboxMail.created_at.desc())).first()


def act(server: Flask, actor: str = "staff:ann@vendor.example") -> Act:
    services = server.extensions["license_server"]
    return Act(actor, services.clock.now(), services.mail_key)


def test_a_key_is_sealed_while_it_waits_and_erased_when_it_is_sent(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)
    waiting = newest(each_server)
    assert KEY not in (waiting.text_sealed or KEY) + (waiting.html_sealed or KEY)
    assert send(each_server, postman).counts == SENT
    [mail] = postman.delivered
    assert (mail.recipient, mail.subject, mail.text, mail.html) == (
        "it@example.com",
        LETTER.subject,
        LETTER.text,
        LETTER.html,
    )
    sent = newest(each_server)
    assert (sent.state, sent.text_sealed, sent.html_sealed, sent.attempts) == (
        "sent",
        None,
        None,
        1,
    )
    assert send(each_server, postman).counts == {}


def test_a_notice_keeps_its_text_when_it_is_sent(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id, kind="expiry_notice")
    assert send(each_server, postman).counts == {("expiry_notice", "sent"): 1}
    assert newest(each_server).text_sealed is not None


@pytest.mark.parametrize(
    "change",
    [
        {"state": "sent"},  # and the key is still there
        {"state": "cancelled"},
        {"text_sealed": None},
        {"state": "lost"},
        {"kind": "advertisement"},
    ],
)
def test_the_database_refuses_a_key_that_outlives_its_mail_and_a_mail_without_content(
    each_server: Flask, license_id: str, change: dict[str, object]
) -> None:
    put(each_server, license_id)
    with each_server.app_context(), pytest.raises(IntegrityError), writing() as session:
        session.execute(update(OutboxMail).values(change))


def test_a_mail_that_was_put_off_is_tried_ever_later_and_in_the_end_fails(
    each_server: Flask, license_id: str, postman: Postman, clock: FakeClock
) -> None:
    put(each_server, license_id)
    postman.trouble = MailError("the post is on strike")
    begun = clock.now()
    for minutes in (1, 5, 15, 60, *[360] * (MOST_ATTEMPTS - 5)):
        assert send(each_server, postman).counts == PUT_OFF
        waiting = newest(each_server)
        assert waiting.next_attempt_at == clock.now() + timedelta(minutes=minutes)
        assert (waiting.state, waiting.last_error) == ("queued", "the post is on strike")
        clock.advance(minutes * 60 - 1)
        assert send(each_server, postman).counts == {}
        clock.advance(1)
    assert timedelta(days=3) < clock.now() - begun < timedelta(days=5)
    assert send(each_server, postman).counts == FAILED
    failed = newest(each_server)
    assert (failed.state, failed.last_error) == ("failed", "the post is on strike")
    clock.advance(30 * 86_400)
    assert send(each_server, postman).counts == {}


def test_a_mail_that_is_put_off_and_then_taken_forgets_its_fault(
    each_server: Flask, license_id: str, postman: Postman, clock: FakeClock
) -> None:
    put(each_server, license_id)
    postman.trouble = MailError("try later")
    send(each_server, postman)
    clock.advance(60)
    postman.trouble = None
    assert send(each_server, postman).counts == SENT
    assert newest(each_server).last_error is None


def test_a_refused_mail_fails_at_once_and_the_others_go_out(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)
    postman.trouble = MailRefusedError("550 no such mailbox")
    run = send(each_server, postman)
    assert (run.counts, run.stalled) == (FAILED, False)
    assert newest(each_server).last_error == "550 no such mailbox"
    assert newest(each_server).text_sealed is not None


def test_a_mail_server_that_is_down_is_asked_with_one_mail_only(
    each_server: Flask, license_id: str, postman: Postman, clock: FakeClock
) -> None:
    for late in range(3):
        put(each_server, license_id, late=late)
    clock.advance(3)
    postman.trouble = MailServerError("connection refused")
    run = send(each_server, postman)
    assert (run.counts, run.stalled) == (PUT_OFF, True)
    postman.trouble = None
    assert send(each_server, postman).counts == {("license_key", "sent"): 2}


def test_a_mail_that_another_secret_has_sealed_fails_and_blocks_no_other(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)
    with each_server.app_context():
        services = current()
        run = send_due(writing, postman, key=b"x" * 32, clock=services.clock)
    assert run.counts == FAILED
    assert "does not open" in (newest(each_server).last_error or "")


def test_a_held_mail_goes_out_when_it_is_released(
    each_server: Flask, license_id: str, postman: Postman, clock: FakeClock
) -> None:
    put(each_server, license_id, held=True)
    assert send(each_server, postman).counts == {}
    with each_server.app_context(), writing() as session:
        release(session, license_id, at=clock.now())
    assert send(each_server, postman).counts == SENT


def test_a_cancelled_key_is_erased_and_never_sent(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)
    with each_server.app_context(), writing() as session:
        cancel(session, license_id, ["license_key"])
    assert newest(each_server).text_sealed is None
    assert send(each_server, postman).counts == {}


def test_only_the_kinds_that_are_named_are_cancelled(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)
    with each_server.app_context(), writing() as session:
        cancel(session, license_id, ["expiry_notice", "silence_notice"])
    assert send(each_server, postman).counts == SENT


def test_a_mail_that_is_cancelled_while_it_goes_out_counts_as_sent(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    put(each_server, license_id)

    class Slow(Postman):
        def deliver(self, mail: Mail) -> None:
            with writing() as session:
                cancel(session, license_id, ["license_key"])

    assert send(each_server, Slow()).counts == SENT
    assert (newest(each_server).state, newest(each_server).text_sealed) == ("sent", None)


def test_a_late_failure_does_not_undo_what_another_sender_delivered(
    each_server: Flask, license_id: str, postman: Postman, clock: FakeClock
) -> None:
    put(each_server, license_id)

    class Overtaken(Postman):
        def deliver(self, mail: Mail) -> None:
            clock.advance(61)
            assert send(each_server, postman).counts == SENT
            raise MailError("too late")

    assert send(each_server, Overtaken()).counts == PUT_OFF
    assert newest(each_server).state == "sent"
    assert len(postman.delivered) == 1


def test_several_senders_at_once_deliver_each_mail_once(
    each_server: Flask, license_id: str, postman: Postman, make_server: Callable[..., Flask]
) -> None:
    mail_ids = [put(each_server, license_id) for _ in range(12)]
    other = make_server(each_server.config["SQLALCHEMY_DATABASE_URI"])
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda app: send(app, postman), [each_server, other] * 2))
    assert sum(run.total("sent") for run in runs) == 12
    assert sorted(mail.id for mail in postman.delivered) == sorted(mail_ids)


def test_staff_retry_a_failed_mail_to_the_address_the_customer_has_now(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    mail_id = put(each_server, license_id)
    postman.trouble = MailRefusedError("550 no such mailbox")
    send(each_server, postman)
    postman.trouble = None
    with each_server.app_context(), writing() as session:
        acts.get_mail(session, mail_id).license.customer.email = "new@example.com"
    with each_server.app_context(), writing() as session:
        acts.retry(session, mail_id, act=act(each_server))
    assert newest(each_server).attempts == 0
    assert send(each_server, postman).counts == SENT
    assert postman.delivered[0].recipient == "new@example.com"


def test_a_mail_in_somebodys_hands_is_not_given_to_a_second_one(
    server: Flask, issuer: Api, clock: FakeClock
) -> None:
    mail_id = put(server, str(issuer.issue()["id"]))

    class Impatient(Postman):
        def deliver(self, mail: Mail) -> None:
            with (
                pytest.raises(ConflictError, match="being sent at this moment"),
                writing() as session,
            ):
                acts.retry(session, mail_id, act=act(server))
            raise MailError("slow")

    send(server, Impatient())
    clock.advance(59)
    with server.app_context(), pytest.raises(ConflictError, match="at this moment"), writing() as s:
        acts.retry(s, mail_id, act=act(server))
    clock.advance(1)
    with server.app_context(), writing() as session:
        acts.retry(session, mail_id, act=act(server))


@pytest.mark.parametrize("state", ["sent", "cancelled", "held"])
def test_a_mail_that_does_not_wait_cannot_be_retried(
    server: Flask, issuer: Api, postman: Postman, state: str
) -> None:
    mail_id = put(server, str(issuer.issue()["id"]), held=state == "held")
    with server.app_context():
        if state == "sent":
            send(server, postman)
        elif state == "cancelled":
            with writing() as session:
                acts.cancel(session, mail_id, act=act(server))
        with pytest.raises(ConflictError, match=f"{state} cannot be tried again"), writing() as s:
            acts.retry(s, mail_id, act=act(server))


def test_a_sent_notice_is_sent_again_as_a_message_of_its_own(
    each_server: Flask, license_id: str, postman: Postman
) -> None:
    mail_id = put(each_server, license_id, kind="expiry_notice")
    send(each_server, postman)
    with each_server.app_context(), writing() as session:
        again = acts.send_again(session, mail_id, act=act(each_server)).id
    send(each_server, postman)
    first, second = postman.delivered
    assert (first.id, second.id) == (mail_id, again)
    assert (first.text, first.html) == (second.text, second.html)


def test_a_sent_key_cannot_be_sent_again_and_the_refusal_says_what_to_do(
    server: Flask, issuer: Api, postman: Postman
) -> None:
    mail_id = put(server, str(issuer.issue()["id"]))
    send(server, postman)
    with server.app_context(), pytest.raises(ConflictError, match="rekey"), writing() as session:
        acts.send_again(session, mail_id, act=act(server))


def test_what_staff_do_to_a_mail_is_in_the_audit_log(server: Flask, issuer: Api) -> None:
    from license_server.audit import AuditEvent

    mail_id = put(server, str(issuer.issue()["id"]))
    with server.app_context():
        with writing() as session:
            acts.retry(session, mail_id, act=act(server))
            acts.cancel(session, mail_id, act=act(server))
        events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.seq)).all()
        assert [(e.action, e.actor) for e in events[-2:]] == [
            ("MAIL_RETRIED", "staff:ann@vendor.example"),
            ("MAIL_CANCELLED", "staff:ann@vendor.example"),
        ]
        assert KEY not in str(events[-1].detail)


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
    mail = Mail("id-1", "it@example.com", "Subject", "Grüße\n", None, clock.now())
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
        transport.deliver(Mail("id-1", "it@example.com", "Subject", "text", None, clock.now()))
