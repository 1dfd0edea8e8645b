"""The outbox as pages: staff see what waits and what failed, act by their role, and see no key."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from license_server.extensions import current, db, writing
from license_server.outbox import service
from license_server.outbox.letter import Letter
from license_server.outbox.models import OutboxMail
from license_server.outbox.transports import MailError, MailRefusedError
from tests.clocks import FakeClock
from tests.license_server.cast import Api
from tests.license_server.pages import Person, person_with

NOBODY = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def support_person(server: Flask) -> Person:
    return person_with(server, "support")


@pytest.fixture
def issuer_person(server: Flask) -> Person:
    return person_with(server, "issuer")


class Refusing:
    """A transport that always fails."""

    immediate = True

    def __init__(self, error: MailError) -> None:
        self.error = error

    def deliver(self, _mail: object) -> None:
        raise self.error


def put(app: Flask, license_id: str, kind: str = "expiry_notice", text: str = "Hello") -> str:
    """Queue a mail and return its id."""
    draft = service.Draft(
        kind, license_id, "it@example.com", Letter(f"About {text}"[:200], (text,))
    )
    with app.app_context(), writing() as session:
        server = current()
        at = server.clock.now()
        return service.queue(session, draft, held=False, key=server.mail_key, at=at).id


def send(app: Flask, error: MailError | None = None) -> None:
    with app.app_context():
        server = current()
        transport = server.transport if error is None else Refusing(error)
        service.send_due(writing, transport, key=server.mail_key, clock=server.clock)


def stored(app: Flask, mail_id: str) -> OutboxMail:
    with app.app_context():
        return db.session.get_one(OutboxMail, mail_id)


def text_of(page: str) -> str:
    plain = re.sub(r"<(script|svg|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(plain).split())


def test_an_empty_outbox_says_what_comes(support_person: Person) -> None:
    assert "No mail was written yet" in support_person.get("/outbox").text
    assert "No mail matches" in support_person.get("/outbox?state=failed").text


def test_mails_are_listed_with_their_state_and_filtered(
    server: Flask, license_: dict[str, Any], support_person: Person
) -> None:
    put(server, license_["id"], text="one")
    send(server)
    put(server, license_["id"], text="two")
    send(server, MailRefusedError("550 no such user"))
    page = support_person.get("/outbox").text
    for said in ("About one", "About two", "Your Sentari license key", "550 no such user"):
        assert said in page
    assert "3</strong> mails" in page
    for query, listed in (
        ("state=failed", ["About two"]),
        ("state=sent&kind=expiry_notice", ["About one"]),
        ("search=ABOUT+T", ["About two"]),
        ("search=example+ltd&kind=license_key", ["Your Sentari license key"]),
        (f"license={license_['id']}&state=failed", ["About two"]),
        (f"license={NOBODY}", []),
        ("state=unheard-of", []),
        ("search=%25", []),
        ("search=%00", ["About one", "About two", "Your Sentari license key"]),
    ):
        page = support_person.get(f"/outbox?{query}").text
        found = re.findall(r'<a href="/outbox/[^"]+">([^<]+)</a>', page)
        assert sorted(found) == listed, query


def test_the_list_is_paged(server: Flask, license_: dict[str, Any], support_person: Person) -> None:
    for number in range(3):
        put(server, license_["id"], text=str(number))
    page = support_person.get("/outbox?page_size=3&page=2").text
    assert "Page 2 of 2" in page
    assert len(re.findall(r'<a href="/outbox/[^"]+">', page)) == 1
    assert support_person.get("/outbox?page=0").status_code == 400


def test_a_sent_notice_shows_its_text_and_may_be_sent_again(
    server: Flask, license_: dict[str, Any], support_person: Person, tmp_path: Path
) -> None:
    mail_id = put(server, license_["id"], text="<b>expires</b>")
    send(server)
    page = support_person.get(f"/outbox/{mail_id}").text
    assert "&lt;b&gt;expires&lt;/b&gt;" in page
    assert "<b>expires" not in page
    answer = support_person.post(f"/outbox/{mail_id}/send-again")
    assert answer.status_code == 303
    again = answer.headers["Location"].removeprefix("/outbox/")
    assert again != mail_id
    assert stored(server, again).state == "sent"
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 3
    assert "This is the new mail" in support_person.get(f"/outbox/{again}").text


def test_no_page_shows_a_key_neither_while_it_waits_nor_afterwards(
    server: Flask, issuer: Api, support_person: Person, tmp_path: Path
) -> None:
    (tmp_path / "mail").write_text("in the way")
    key = issuer.issue()["license_key"]
    with server.app_context():
        mail_id = db.session.scalars(select(OutboxMail.id)).one()
    page = support_person.get(f"/outbox/{mail_id}").text
    assert "It holds a license key, which is shown to nobody here" in page
    assert key not in page
    assert "It was put off" in text_of(page)
    (tmp_path / "mail").unlink()
    server.extensions["license_server"].clock.advance(60)
    support_person.post(f"/outbox/{mail_id}/retry")
    page = support_person.get(f"/outbox/{mail_id}").text
    assert "replace it with rekey" in page
    assert key not in page
    for absent in ("Try again now", "Send again", "Never send it"):
        assert absent not in page
    answer = support_person.post(f"/outbox/{mail_id}/send-again")
    assert "rekey" in support_person.get(answer.headers["Location"]).text


def test_a_failed_mail_says_why_and_goes_to_the_new_address(
    server: Flask, license_: dict[str, Any], support_person: Person
) -> None:
    mail_id = put(server, license_["id"])
    send(server, MailRefusedError("550 <no such user>"))
    with server.app_context(), writing() as session:
        session.get_one(OutboxMail, mail_id).license.customer.email = "new@example.com"
    page = support_person.get(f"/outbox/{mail_id}").text
    assert "The mail did not go out, after 1 try: 550 <no such user>" in text_of(page)
    assert "has then: new@example.com" in text_of(page)
    assert support_person.post(f"/outbox/{mail_id}/retry").status_code == 303
    mail = stored(server, mail_id)
    assert (mail.state, mail.recipient) == ("sent", "new@example.com")


def test_support_cannot_cancel_and_an_issuer_can(
    server: Flask, license_: dict[str, Any], support_person: Person, issuer_person: Person
) -> None:
    mail_id = put(server, license_["id"])
    send(server, MailError("later"))
    assert "Never send it" not in support_person.get(f"/outbox/{mail_id}").text
    assert support_person.post(f"/outbox/{mail_id}/cancel").status_code == 403
    assert "Never send it" in issuer_person.get(f"/outbox/{mail_id}").text
    assert issuer_person.post(f"/outbox/{mail_id}/cancel").status_code == 303
    assert stored(server, mail_id).state == "cancelled"
    answer = issuer_person.post(f"/outbox/{mail_id}/retry")
    assert "cannot be tried again" in issuer_person.get(answer.headers["Location"]).text


def test_a_held_mail_says_what_it_waits_for(
    server: Flask, issuer: Api, support_person: Person
) -> None:
    issuer.issue(max_devices=None)
    with server.app_context():
        mail_id = db.session.scalars(select(OutboxMail.id)).one()
    page = support_person.get(f"/outbox/{mail_id}").text
    assert "when a second person has approved the license" in page
    assert "Try again now" not in page


def test_a_mail_under_another_secret_key_is_shown_without_its_text(
    server: Flask, license_: dict[str, Any], support_person: Person, clock: FakeClock
) -> None:
    mail_id = put(server, license_["id"])
    with server.app_context(), writing() as session:
        session.get_one(OutboxMail, mail_id).text_sealed = "damaged"
    assert "It cannot be read" in support_person.get(f"/outbox/{mail_id}").text


def test_a_mail_that_is_not_there_is_not_found(support_person: Person) -> None:
    assert support_person.get(f"/outbox/{NOBODY}").status_code == 404
    assert support_person.post(f"/outbox/{NOBODY}/retry").status_code == 404
