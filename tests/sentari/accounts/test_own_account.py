"""One's own account: the password, where one is signed in, and the tokens one made."""

import pytest

from sentari.accounts.api_tokens import create_api_token
from sentari.extensions import writing
from tests.conftest import PASSWORD, add_user
from tests.sentari.accounts.people import NEW, Person, events
from tests.sentari.fleet import Fleet

EMAIL = "vic@example.com"


@pytest.fixture
def person(fleet: Fleet) -> Person:
    """A viewer at a desk, and an admin that there has to be."""
    add_user(fleet.app, "ann@example.com", "admin")
    add_user(fleet.app, EMAIL, "viewer")
    return signed_in(fleet, "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")


def signed_in(fleet: Fleet, browser: str, email: str = EMAIL, address: str = "192.0.2.1") -> Person:
    person = Person(fleet.app, email)
    person.client.environ_base.update(HTTP_USER_AGENT=browser, REMOTE_ADDR=address)
    assert person.sign_in().status_code == 302
    return person


def test_the_page_lists_ones_own_sessions_and_ends_one(fleet: Fleet, person: Person) -> None:
    signed_in(fleet, "curl/8", "ann@example.com", "192.0.2.9")
    phone = signed_in(fleet, "A Phone <script> \xe4" + "x" * 300, address="2001:db8::1")
    page = person.get("/account").text
    assert page.count('<th scope="row"') == 2
    assert "Firefox on Linux" in page
    assert "2001:db8::1" in page
    assert "A Phone &lt;script&gt;" in page
    assert "192.0.2.9" not in page
    assert page.count(">this one<") == 1
    number = page.split('action="/logout/')[1].split('"')[0]
    assert person.post(f"/logout/{number}").headers["Location"] == "/account"
    assert phone.get("/account").status_code == 302
    assert person.get("/account").status_code == 200
    ended = events(fleet.app, "USER_SESSION_ENDED")
    assert [(event.actor, event.details()) for event in ended] == [
        (f"user:{EMAIL}", {"address": "2001:db8::1"})
    ]
    assert person.post(f"/logout/{number}").status_code == 303
    assert len(events(fleet.app, "USER_SESSION_ENDED")) == 1


def test_nobody_ends_the_session_of_another(fleet: Fleet, person: Person) -> None:
    ann = signed_in(fleet, "curl/8", "ann@example.com", "192.0.2.9")
    # The person's own session is the first, the other's the second; there is no third.
    for number in (2, 3):
        assert person.post(f"/logout/{number}").status_code == 303
    assert ann.get("/account").status_code == 200
    assert events(fleet.app, "USER_SESSION_ENDED") == []


def test_signing_out_everywhere_includes_this_browser(fleet: Fleet, person: Person) -> None:
    phone = signed_in(fleet, "A Phone", address="192.0.2.2")
    assert person.post("/logout/everywhere").headers["Location"] == "/login"
    assert phone.get("/account").status_code == 302
    assert person.get("/account").status_code == 302
    assert len(events(fleet.app, "USER_SIGNED_OUT_EVERYWHERE")) == 1


def test_a_new_password_ends_every_other_session_and_renews_this_one(
    fleet: Fleet, person: Person
) -> None:
    phone = signed_in(fleet, "A Phone", address="192.0.2.2")
    before = person.client.get_cookie("sentari_session")
    assert before is not None
    path = "/account/password"
    for present, password, named in (
        ("not it at all", NEW, "not your present password"),
        (PASSWORD, PASSWORD, "Choose another one"),
        (PASSWORD, "short", "between 12 and 128"),
        (PASSWORD, "1" * 12, "too common"),
    ):
        refused = person.post(path, present=present, password=password)
        assert (refused.status_code, named in refused.text) == (422, True), named
    assert phone.get("/account").status_code == 200
    done = person.post(path, present=PASSWORD, password=NEW)
    assert done.headers["Location"] == "/account"
    assert person.get("/account").status_code == 200
    assert phone.get("/account").status_code == 302
    # Who copied the cookie before is out as well.
    thief = fleet.app.test_client()
    thief.set_cookie("sentari_session", before.value)
    assert thief.get("/account").status_code == 302
    assert Person(fleet.app, EMAIL).sign_in(PASSWORD).status_code == 422
    assert Person(fleet.app, EMAIL).sign_in(NEW).status_code == 302


def test_a_session_that_was_planted_before_the_sign_in_is_not_the_one_after(
    fleet: Fleet, person: Person
) -> None:
    planted = person.client.get_cookie("sentari_session")
    assert planted is not None
    victim = Person(fleet.app, "ann@example.com")
    victim.client.set_cookie("sentari_session", planted.value)
    # The planted session is the attacker's own: it shows no one the victim's.
    assert EMAIL in victim.get("/account").text
    victim.post("/logout")
    assert victim.sign_in().status_code == 302
    assert person.get("/account").status_code == 302


def test_the_license_closes_a_new_password_but_never_signing_out(
    fleet: Fleet, person: Person
) -> None:
    phone = signed_in(fleet, "A Phone", address="192.0.2.2")
    number = person.get("/account").text.split('action="/logout/')[1].split('"')[0]
    fleet.unlicense()
    assert person.post("/account/password", present=PASSWORD, password=NEW).status_code == 402
    assert person.post(f"/logout/{number}").status_code == 303
    assert phone.get("/account").status_code == 302


def test_the_page_names_the_tokens_that_one_made(fleet: Fleet, person: Person) -> None:
    with fleet.app.app_context(), writing() as session:
        for actor, name in ((f"user:{EMAIL}", "my own"), ("user:ann@example.com", "not mine")):
            create_api_token(
                session, name=name, role="viewer", expires_in_days=1, at=fleet.clock.now(),
                actor=actor,
            )  # fmt: skip
    page = person.get("/account").text
    assert "my own" in page
    assert "not mine" not in page
