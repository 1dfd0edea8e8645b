"""Signing in with password and code: what opens, what does not, and what ends."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from license_server.audit import AuditEvent
from license_server.extensions import current, db, writing
from license_server.staff import service, sign_in, totp
from license_server.staff.models import Staff, StaffSession, StaffSignIn
from license_server.staff.sign_in import Browser, Refusal
from tests.clocks import FakeClock
from tests.conftest import csrf_token
from tests.license_server.pages import PASSWORD, SECRET, Person, add_staff, person_with

EMAIL = "ann@vendor.example"
OTHER_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
WRONG = "E-mail or password is wrong, or the account is disabled."


@pytest.fixture
def ann(server: Flask, clock: FakeClock) -> Person:
    """A member of staff who is not signed in."""
    add_staff(server, EMAIL, "issuer")
    return Person(server, clock, EMAIL)


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq)))


def change(app: Flask, how: Callable[..., None], **named: object) -> None:
    with app.app_context():
        at = current().clock.now()
        with writing() as session:
            how(session, service.find_staff(session, EMAIL), at=at, actor="cli", **named)


def secret_on(page: str) -> str:
    found = re.search(r'copyable-text">([A-Z2-7 ]{39})<', page)
    assert found is not None
    return found[1].replace(" ", "")


def is_signed_in(person: Person) -> bool:
    return person.get("/account").status_code == 200


def test_password_and_code_together_open_the_page_that_was_asked_for(ann: Person) -> None:
    answer = ann.get("/audit?action=A")
    assert answer.headers["Location"] == "/login?next=/audit?action%3DA"
    answer = ann.give_password(next_="/audit?action=A")
    assert answer.headers["Location"] == "/login/code?next=/audit?action%3DA"
    form = {"code": ann.code(), "csrf_token": csrf_token(ann.client, "/login/code")}
    answer = ann.client.post(answer.headers["Location"], data=form)
    assert answer.headers["Location"] == "/audit?action=A"
    assert is_signed_in(ann)


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "evil"])
def test_signing_in_leads_to_no_other_site(ann: Person, target: str) -> None:
    assert ann.give_password(next_=target).headers["Location"] == "/login/code?next=/"


def test_the_password_alone_opens_nothing(ann: Person) -> None:
    ann.give_password()
    assert ann.get("/").headers["Location"] == "/login?next=/"
    assert ann.get("/audit").status_code == 302


@pytest.mark.parametrize(("seconds", "status"), [(299, 302), (300, 302)])
def test_the_code_must_come_within_five_minutes(
    ann: Person, clock: FakeClock, seconds: int, status: int
) -> None:
    ann.give_password()
    token = csrf_token(ann.client, "/login/code")
    clock.advance(seconds)
    answer = ann.client.post("/login/code", data={"code": ann.code(), "csrf_token": token})
    assert answer.status_code == status
    assert is_signed_in(ann) is (seconds < 300)


def test_unknown_wrong_and_disabled_are_answered_alike(
    server: Flask, clock: FakeClock, ann: Person
) -> None:
    answers = [
        Person(server, clock, "nobody@vendor.example").give_password(),
        ann.give_password("not the password of ann"),
    ]
    change(server, service.disable_staff)
    answers.append(ann.give_password())
    assert {answer.status_code for answer in answers} == {422}
    for answer in answers:
        assert WRONG in answer.text
        assert "Set-Cookie" not in answer.headers or "sign_in" not in answer.headers["Set-Cookie"]
    assert actions(server)[-1] == "STAFF_LOGIN_FAILED"


def test_the_first_sign_in_sets_up_the_second_factor_before_anything_is_seen(
    server: Flask, clock: FakeClock
) -> None:
    add_staff(server, EMAIL, "approver", enrolled=False)
    ann = Person(server, clock, EMAIL)
    ann.give_password()
    page = ann.get("/login/code").text
    assert secret_on(page) == secret_on(ann.get("/login/code").text)
    assert '<path class="qr-dark"' in page
    assert ann.get("/audit").status_code == 302
    ann.secret = secret_on(page)
    assert ann.give_code("000000").status_code == 422
    assert not is_signed_in(ann)
    assert ann.give_code().status_code == 302
    assert is_signed_in(ann)
    assert actions(server)[-3:] == [
        "STAFF_CODE_REFUSED",
        "STAFF_TOTP_ENROLLED",
        "STAFF_LOGGED_IN",
    ]
    with server.app_context():
        person = service.find_staff(db.session(), EMAIL)
        assert ann.secret not in (person.totp_sealed or "")
    again = Person(server, clock, EMAIL, ann.secret)
    again.give_password()
    page = again.get("/login/code").text
    assert "Enter the code" in page
    assert ann.secret not in page.replace(" ", "")


def test_two_who_set_up_the_second_factor_at_once_do_not_both_get_in(
    server: Flask, clock: FakeClock
) -> None:
    add_staff(server, EMAIL, "approver", enrolled=False)
    browsers = [Person(server, clock, EMAIL) for _ in range(2)]
    for each in browsers:
        each.give_password()
        page = each.get("/login/code").text
        each.secret = secret_on(page)
    assert browsers[0].secret != browsers[1].secret
    assert browsers[0].give_code().status_code == 302
    assert browsers[1].give_code().status_code == 422
    assert not is_signed_in(browsers[1])


@pytest.mark.parametrize(
    ("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_may_be_one_step_off(ann: Person, clock: FakeClock, steps: int, taken: bool) -> None:
    ann.give_password()
    moment = int(clock.now().timestamp()) + 30 * steps
    answer = ann.give_code(pyotp.TOTP(SECRET).at(moment))
    assert (answer.status_code == 302) is taken
    assert is_signed_in(ann) is taken


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "abcdef", "１２３４５６", "0" * 33])
def test_what_is_no_code_is_refused(ann: Person, code: str) -> None:
    ann.give_password()
    assert ann.give_code(code).status_code == 422
    assert not is_signed_in(ann)


def test_a_code_with_blanks_between_its_digits_is_taken(ann: Person) -> None:
    ann.give_password()
    assert ann.give_code(f" {ann.code()[:3]} {ann.code()[3:]} ").status_code == 302


def test_a_code_works_once_even_in_another_browser(
    server: Flask, ann: Person, clock: FakeClock
) -> None:
    ann.give_password()
    ann.give_code()
    thief = Person(server, clock, EMAIL)
    thief.give_password()
    answer = thief.give_code()
    assert answer.status_code == 422
    assert "used already" in answer.text
    clock.advance(30)
    assert thief.give_code().status_code == 302


def test_of_many_who_send_one_code_at_once_one_gets_in(
    each_server: Flask, clock: FakeClock
) -> None:
    staff_id = add_staff(each_server, EMAIL, "issuer")
    with each_server.app_context():
        key, at = current().totp_key, clock.now()
        tokens = []
        for _ in range(4):
            with writing() as session:
                tokens.append(sign_in.begin(session, staff_id, key=key, at=at))
    code, browser = pyotp.TOTP(SECRET).at(int(at.timestamp())), Browser("", "")
    outcomes = []
    start = threading.Barrier(len(tokens))

    def send(token: str) -> None:
        with each_server.app_context():
            start.wait()
            with writing() as session:
                outcomes.append(sign_in.finish(session, token, code, browser, key=key, at=at))

    threads = [threading.Thread(target=send, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refusals = sorted(outcome.refusal or "" for outcome in outcomes)
    assert refusals == ["", Refusal.USED, Refusal.USED, Refusal.USED]
    with each_server.app_context():
        assert len(db.session.scalars(select(StaffSession)).all()) == 1


def test_the_sixth_password_within_a_minute_waits(
    server: Flask, ann: Person, clock: FakeClock
) -> None:
    codes = []
    for number in range(6):
        browser = Person(server, clock, EMAIL)
        browser.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        codes.append(browser.give_password("a wrong password").status_code)
    assert codes == [422] * 5 + [429]
    clock.advance(61)
    assert ann.give_password().status_code == 302


def test_the_addresses_of_one_ipv6_network_guess_together(server: Flask, clock: FakeClock) -> None:
    codes = []
    for number in range(6):
        add_staff(server, f"person{number}@vendor.example", "support")
        browser = Person(server, clock, f"person{number}@vendor.example")
        browser.client.environ_base["REMOTE_ADDR"] = f"2001:db8::{number:x}"
        codes.append(browser.give_password("a wrong password").status_code)
    assert codes == [422] * 5 + [429]


def test_the_sixth_code_within_a_minute_waits(ann: Person) -> None:
    ann.give_password()
    assert [ann.give_code("000000").status_code for _ in range(6)] == [422] * 5 + [429]
    assert ann.give_code().status_code == 429
    assert not is_signed_in(ann)


def test_an_hour_takes_twenty_codes_for_one_account(ann: Person, clock: FakeClock) -> None:
    answers = []
    for number in range(21):
        if number % 4 == 0:
            clock.advance(61)
            ann.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
            ann.give_password()
        answers.append(ann.give_code("000000").status_code)
    assert answers == [422] * 20 + [429]


@pytest.mark.parametrize(("idle", "status"), [(8 * 3600 - 1, 200), (8 * 3600, 302)])
def test_an_idle_session_ends_after_eight_hours(
    support_person: Person, clock: FakeClock, idle: int, status: int
) -> None:
    clock.advance(idle)
    assert support_person.get("/").status_code == status


@pytest.mark.parametrize(("last", "status"), [(3600 - 1, 200), (3600, 302)])
def test_a_used_session_ends_after_a_day(
    support_person: Person, clock: FakeClock, last: int, status: int
) -> None:
    for _ in range(23):
        clock.advance(3600)
        assert support_person.get("/").status_code == 200
    clock.advance(last)
    assert support_person.get("/").status_code == status


def test_who_is_signed_in_needs_no_sign_in_page(support_person: Person) -> None:
    for path in ("/login", "/login/code"):
        assert support_person.get(path).headers["Location"] == "/"


def test_signing_out_ends_the_session_for_a_copied_cookie_too(
    server: Flask, support_person: Person
) -> None:
    cookie = support_person.client.get_cookie("license_server_session")
    assert cookie is not None
    assert support_person.post("/logout").headers["Location"] == "/login"
    thief = server.test_client()
    thief.set_cookie("license_server_session", cookie.value)
    assert thief.get("/").status_code == 302


def test_each_sign_in_has_a_session_of_its_own_and_a_half_one_none(
    server: Flask, ann: Person, clock: FakeClock
) -> None:
    ann.sign_in()
    Person(server, clock, EMAIL).sign_in()
    Person(server, clock, EMAIL).give_password()
    with server.app_context():
        assert len(db.session.scalars(select(StaffSession)).all()) == 2
        assert len(db.session.scalars(select(StaffSignIn)).all()) == 1


@pytest.mark.parametrize(
    ("how", "named"),
    [
        (service.disable_staff, {}),
        (service.reset_totp, {}),
        (service.reset_password, {"password": "another password", "temporary": False}),
        (service.sign_out_everywhere, {}),
    ],
    ids=["disabled", "second factor reset", "password reset", "signed out everywhere"],
)
def test_what_takes_trust_away_ends_sessions_and_half_sign_ins_at_once(
    server: Flask, ann: Person, clock: FakeClock, how: Callable[..., None], named: dict[str, object]
) -> None:
    ann.sign_in()
    half = Person(server, clock, EMAIL)
    half.give_password()
    clock.advance(30)
    token = csrf_token(half.client, "/login/code")
    change(server, how, **named)
    assert not is_signed_in(ann)
    answer = half.client.post("/login/code", data={"code": half.code(), "csrf_token": token})
    assert answer.headers["Location"].startswith("/login")
    assert not is_signed_in(half)


def test_a_lower_role_holds_from_the_next_request_on(server: Flask) -> None:
    add_staff(server, "other@vendor.example", "approver")
    ann = person_with(server, "approver", EMAIL)
    assert ann.get("/staff").status_code == 200
    change(server, service.set_role, role="issuer")
    assert ann.get("/staff").status_code == 403


def test_a_temporary_password_opens_only_the_page_that_changes_it(
    server: Flask, ann: Person
) -> None:
    change(server, service.reset_password, password=PASSWORD, temporary=True)
    ann.sign_in()
    assert ann.get("/audit").headers["Location"] == "/account/password?next=/audit"
    form = {"present": PASSWORD, "password": PASSWORD}
    token = csrf_token(ann.client, "/account/password")
    answer = ann.client.post("/account/password", data={**form, "csrf_token": token})
    assert "Choose another one" in answer.text
    form["password"] = "the password of ann alone"
    answer = ann.client.post("/account/password", data={**form, "csrf_token": token})
    assert answer.headers["Location"].startswith("/login")
    ann.clock.advance(60)
    assert ann.give_password("the password of ann alone").status_code == 302
    ann.give_code()
    assert ann.get("/audit").status_code == 200


def test_a_second_factor_that_another_secret_key_sealed_is_said_and_logged(
    server: Flask, ann: Person
) -> None:
    with server.app_context(), writing() as session:
        session.query(Staff).update({"totp_sealed": "bm90IHNlYWxlZCBieSB0aGlzIHNlcnZlcg=="})
    ann.give_password()
    answer = ann.client.post(
        "/login/code",
        data={"code": "123456", "csrf_token": csrf_token(ann.client, "/login")},
    )
    assert answer.status_code == 503
    assert "does not open" in answer.text


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(server: Flask) -> None:
    cookie = server.test_client().get("/login").headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=Lax", "Secure"):
        assert attribute in cookie


def test_pages_are_not_stored_and_carry_the_headers_of_the_house(support_person: Person) -> None:
    answer = support_person.get("/")
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_static_files_may_be_kept_for_good(server: Flask) -> None:
    page = server.test_client().get("/login").text
    found = re.search(r'href="(/static/sentari.css\?v=[0-9a-f]{12})"', page)
    assert found is not None
    with server.test_client().get(found[1]) as answer:
        assert answer.status_code == 200
        assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_steps_are_counted_as_the_rfc_says() -> None:
    # RFC 6238, appendix B: 59 seconds after the epoch, SHA-1, the last six of eight digits.
    moment = datetime.fromtimestamp(59, UTC)
    assert totp.matching_step(OTHER_SECRET, "287082", moment) == 1
    assert totp.matching_step(OTHER_SECRET, "287083", moment) is None
