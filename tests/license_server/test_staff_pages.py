"""The list of staff, one's own account and the audit log as pages."""

import re
import threading

import pytest
from flask import Flask
from sqlalchemy import select

from license_server.audit import AuditEvent, record
from license_server.errors import ConflictError
from license_server.extensions import current, db, writing
from license_server.staff.models import Staff
from license_server.staff.service import disable_staff, find_staff
from license_server.staff.tokens import authenticate
from tests.clocks import FakeClock
from tests.conftest import csrf_token
from tests.license_server.conftest import staff_token
from tests.license_server.pages import PASSWORD, Person, add_staff, person_with

NEW = "a new password of the tests"


def person(app: Flask, email: str) -> Staff:
    with app.app_context():
        return find_staff(db.session(), email)


def shown_password(page: str) -> str:
    found = re.search(r'copyable-text">([\w-]{20})<', page)
    assert found is not None
    return found[1]


def last_event(app: Flask) -> AuditEvent:
    with app.app_context():
        event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()
        assert event is not None
        return event


def test_an_invited_person_signs_in_with_the_password_that_is_shown_once(
    server: Flask, clock: FakeClock, approver_person: Person
) -> None:
    answer = approver_person.post("/staff", email="Bob@people.example", role="issuer")
    password = shown_password(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert password not in approver_person.get("/staff").text
    event = last_event(server)
    assert (event.action, event.actor) == ("STAFF_CREATED", "staff:approver@people.example")
    assert event.details() == {"role": "issuer"}
    bob = Person(server, clock, "bob@people.example")
    bob.give_password(password)
    assert "Set up the second factor" in bob.get("/login/code").text
    assert person(server, bob.email).password_temporary


@pytest.mark.parametrize(
    ("email", "role", "named"),
    [
        ("approver@people.example", "issuer", "already"),
        ("no address", "issuer", "e-mail address"),
        ("bob@people.example", "root", "Not a valid choice"),
        ("b" * 250 + "@people.example", "issuer", "longer than 254"),
        ("", "issuer", "Enter an e-mail address."),
    ],
)
def test_an_invitation_that_cannot_be_made_says_why_and_keeps_what_was_typed(
    approver_person: Person, email: str, role: str, named: str
) -> None:
    answer = approver_person.post("/staff", email=email, role=role)
    assert answer.status_code == 422
    assert named in answer.text
    assert f'value="{email}"' in answer.text
    assert "The password for" not in answer.text


def test_a_disabled_person_loses_sessions_and_tokens_and_gets_only_the_first_back(
    server: Flask, approver_person: Person, issuer_person: Person
) -> None:
    token = staff_token(server, "bob@people.example", "issuer")
    bob = person(server, "bob@people.example")
    approver_person.post(f"/staff/{bob.id}/disable")
    assert person(server, bob.email).disabled_at is not None
    approver_person.post(f"/staff/{bob.id}/enable")
    assert person(server, bob.email).disabled_at is None
    with server.app_context():
        assert authenticate(db.session(), token, current().clock.now()) is None
    issuer = person(server, issuer_person.email)
    approver_person.post(f"/staff/{issuer.id}/disable")
    assert issuer_person.get("/").status_code == 302


def test_a_role_is_given_and_taken(server: Flask, approver_person: Person) -> None:
    staff_id = add_staff(server, "bob@people.example", "support")
    answer = approver_person.post(
        f"/staff/{staff_id}/role", role="approver", your_password=PASSWORD
    )
    assert answer.status_code == 303
    assert last_event(server).details() == {"role": "approver", "role_before": "support"}
    approver_person.post(f"/staff/{staff_id}/role", role="issuer")
    assert person(server, "bob@people.example").role == "issuer"
    assert approver_person.post(f"/staff/{staff_id}/role", role="root").status_code == 422


@pytest.mark.parametrize(
    ("act", "role_before"),
    [
        ("role", "issuer"),
        ("enable", "approver"),
        ("reset-password", "approver"),
        ("reset-totp", "approver"),
    ],
)
def test_to_make_or_open_an_approver_takes_ones_own_password(
    server: Flask, clock: FakeClock, approver_person: Person, act: str, role_before: str
) -> None:
    email = "bob@people.example"
    staff_id = add_staff(server, email, role_before)
    if act == "enable":
        approver_person.post(f"/staff/{staff_id}/disable")
    before = stored(server, email)
    for given, said in (("", "your own password"), ("a wrong one", "not your password")):
        answer = approver_person.post(
            f"/staff/{staff_id}/{act}", role="approver", your_password=given
        )
        assert answer.status_code == 303
        assert said in approver_person.get(f"/staff/{staff_id}").text
        assert stored(server, email) == before
    assert last_event(server).action == "STAFF_PASSWORD_REFUSED"
    done = approver_person.post(f"/staff/{staff_id}/{act}", role="approver", your_password=PASSWORD)
    assert done.status_code == (200 if act == "reset-password" else 303)
    assert stored(server, email) != before


def stored(app: Flask, email: str) -> tuple[object, ...]:
    found = person(app, email)
    return found.role, found.disabled_at, found.password_hash, found.totp_sealed


def test_an_approver_is_invited_by_who_gives_their_own_password(
    server: Flask, approver_person: Person
) -> None:
    form = {"email": "bob@people.example", "role": "approver"}
    for given, said in (("", "your own password"), ("a wrong one", "not your password")):
        refused = approver_person.post("/staff", **form, your_password=given)
        assert (refused.status_code, said in refused.text) == (422, True)
        assert form["email"] not in approver_person.get("/staff").text
    made = approver_person.post("/staff", **form, your_password=PASSWORD)
    assert shown_password(made.text)


@pytest.mark.parametrize("act", ["disable", "role", "reset-password", "reset-totp"])
def test_nobody_takes_anything_from_themselves_here(
    server: Flask, approver_person: Person, act: str
) -> None:
    add_staff(server, "second@people.example", "approver")
    me = person(server, approver_person.email)
    approver_person.post(f"/staff/{me.id}/{act}", role="support")
    after = person(server, approver_person.email)
    assert (after.role, after.disabled_at) == ("approver", None)
    assert (after.password_hash, after.totp_sealed) == (me.password_hash, me.totp_sealed)
    assert approver_person.get("/staff").status_code == 200


def test_of_two_approvers_who_disable_each_other_at_once_one_stays(each_server: Flask) -> None:
    emails = ("first@people.example", "second@people.example")
    for email in emails:
        add_staff(each_server, email, "approver")
    start, refusals = threading.Barrier(2), []

    def disable(actor: str, target: str) -> None:
        with each_server.app_context():
            at = current().clock.now()
            start.wait()
            try:
                with writing() as session:
                    other = find_staff(session, target)
                    disable_staff(session, other, at=at, actor=f"staff:{actor}")
            except ConflictError as error:
                refusals.append(error.code)

    threads = [threading.Thread(target=disable, args=(a, b)) for a, b in (emails, emails[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["last_approver"]
    assert len([email for email in emails if person(each_server, email).disabled_at is None]) == 1


def test_the_command_line_keeps_the_last_approver_too(
    server: Flask, approver_person: Person
) -> None:
    runner = server.test_cli_runner()
    email = approver_person.email
    for arguments in (["disable"], ["set-role", "--role", "issuer"]):
        refused = runner.invoke(args=["staff", arguments[0], "--email", email, *arguments[1:]])
        assert refused.exit_code == 1
        assert "last approver" in refused.output
    add_staff(server, "second@people.example", "approver")
    done = runner.invoke(args=["staff", "set-role", "--email", email, "--role", "issuer"])
    assert done.exit_code == 0
    assert last_event(server).actor == "cli"


def test_the_command_line_helps_who_lost_phone_or_password(
    server: Flask, clock: FakeClock, approver_person: Person
) -> None:
    runner, email = server.test_cli_runner(), approver_person.email
    assert runner.invoke(args=["staff", "reset-totp", "--email", email]).exit_code == 0
    assert person(server, email).totp_sealed is None
    assert approver_person.get("/").status_code == 302
    made = runner.invoke(args=["staff", "reset-password", "--email", email])
    password = made.output.split("Password: ")[1].strip()
    again = Person(server, clock, email)
    assert again.give_password(password).status_code == 302
    assert "Set up the second factor" in again.get("/login/code").text
    assert runner.invoke(args=["staff", "disable", "--email", "x@y.example"]).exit_code == 1


def test_a_password_of_another_is_reset_and_shown_once(
    server: Flask, approver_person: Person, issuer_person: Person
) -> None:
    issuer = person(server, issuer_person.email)
    page = approver_person.post(f"/staff/{issuer.id}/reset-password").text
    assert issuer_person.get("/").status_code == 302
    issuer_person.clock.advance(61)
    assert issuer_person.give_password(shown_password(page)).status_code == 302
    assert person(server, issuer.email).password_temporary
    assert last_event(server).action == "STAFF_PASSWORD_RESET"


def test_a_token_of_another_is_revoked(server: Flask, approver_person: Person) -> None:
    token = staff_token(server, "bob@people.example", "issuer")
    bob = person(server, "bob@people.example")
    assert f"sls_…{token[-5:]}" in approver_person.get(f"/staff/{bob.id}").text
    approver_person.post(f"/staff/{bob.id}/revoke-token", hint=token[-5:])
    with server.app_context():
        assert authenticate(db.session(), token, current().clock.now()) is None
    assert "No tokens" in approver_person.get(f"/staff/{bob.id}").text
    again = approver_person.post(f"/staff/{bob.id}/revoke-token", hint=token[-5:])
    assert again.status_code == 404


def test_there_is_nobody_behind_an_id_that_is_not_there(approver_person: Person) -> None:
    answer = approver_person.post("/staff/999/disable")
    assert answer.status_code == 404
    assert "text/html" in answer.content_type


@pytest.mark.parametrize("number", ["2147483647", "2147483648", "9" * 30])
def test_a_number_that_no_row_has_names_nobody_on_either_database(
    each_server: Flask, number: str
) -> None:
    answer = person_with(each_server, "approver").get(f"/staff/{number}")
    assert answer.status_code == 404


def test_a_nul_in_a_text_finds_nobody_on_either_database(each_server: Flask) -> None:
    approver = person_with(each_server, "approver")
    assert approver.post("/staff/1/revoke-token", hint="a\0b").status_code == 404
    assert approver.post("/staff/1/role", role="a\0b").status_code == 422
    assert approver.get("/audit?actor=a%00b&search=%00&action=%00").status_code == 200
    stranger = each_server.test_client()
    form = {"email": "a\0b@x.example", "password": "a\0b", "csrf_token": csrf_token(stranger)}
    assert stranger.post("/login", data=form).status_code == 422


# One's own account.


def test_a_password_is_changed_by_who_knows_it(server: Flask, support_person: Person) -> None:
    wrong = support_person.post("/account/password", present="not it at all", password=NEW)
    assert wrong.status_code == 422
    assert "not your present password" in wrong.text
    short = support_person.post("/account/password", present=PASSWORD, password="short")
    assert "between 12 and 128" in short.text
    done = support_person.post("/account/password", present=PASSWORD, password=NEW)
    assert done.headers["Location"].startswith("/login")
    assert support_person.get("/account").status_code == 302
    assert last_event(server).action == "STAFF_PASSWORD_CHANGED"


def test_the_own_second_factor_is_reset_by_who_knows_the_password(
    server: Flask, support_person: Person
) -> None:
    answer = support_person.post("/account/totp", present="not it at all")
    assert answer.status_code == 422
    assert person(server, support_person.email).totp_sealed is not None
    support_person.post("/account/totp", present=PASSWORD)
    assert person(server, support_person.email).totp_sealed is None
    assert support_person.get("/").status_code == 302


def test_a_stolen_session_does_not_guess_the_password(support_person: Person) -> None:
    codes = [support_person.post("/account/totp", present="wrong").status_code for _ in range(6)]
    assert codes == [422] * 5 + [429]


def test_the_account_lists_its_own_sessions_and_ends_them_all(
    server: Flask, clock: FakeClock, support_person: Person
) -> None:
    person_with(server, "issuer", "bob@people.example")
    phone = Person(server, clock, support_person.email)
    phone.client.environ_base["HTTP_USER_AGENT"] = "A Phone <script>"
    phone.sign_in()
    page = support_person.get("/account").text
    assert page.count('<th scope="row"') == 2
    assert "A Phone &lt;script&gt;" in page
    assert page.count(">this one<") == 1
    support_person.post("/account/sign-out-everywhere")
    assert phone.get("/").status_code == 302
    assert support_person.get("/").status_code == 302


def test_one_session_of_ones_own_is_ended_and_nobody_elses(
    server: Flask, clock: FakeClock, support_person: Person
) -> None:
    bob = person_with(server, "issuer", "bob@people.example")
    phone = Person(server, clock, support_person.email).sign_in()
    for number in (1, 2, 3):
        if f"/account/sessions/{number}/end" in support_person.get("/account").text:
            assert support_person.post(f"/account/sessions/{number}/end").status_code == 303
    assert phone.get("/account").status_code == 302
    assert last_event(server).action == "STAFF_SESSION_ENDED"
    support_person.post("/account/sessions/2/end")
    assert bob.get("/account").status_code == 200
    assert support_person.get("/account").status_code == 200


# The audit log.


def test_the_audit_log_is_filtered_and_turned_over(server: Flask, support_person: Person) -> None:
    with server.app_context(), writing() as session:
        for number in range(60):
            record(
                session,
                at=current().clock.now(),
                actor="staff:bob@people.example",
                action="COUNTED",
                target=f"license:{number}",
                detail={"note": "<b>x</b>"},
            )
    page = support_person.get("/audit?actor=staff:bob@people.example").text
    assert "of <strong>60</strong> events" in page
    assert "<b>x</b>" not in page
    assert "license:0<" in support_person.get("/audit?action=COUNTED&page=2").text
    assert "<strong>1</strong> event" in support_person.get("/audit?target=license:7").text
    assert "No event matches" in support_person.get("/audit?target=license").text
    assert "No event matches" in support_person.get("/audit?search=no%00such%00text").text
    following = support_person.get("/audit?action=COUNTED").text.split('rel="next" href="')[1]
    assert "upto=" in following.split('"')[0]
    assert support_person.get("/audit?start_date=soon").status_code == 400
    taken = support_person.get("/audit?actor=bob@people.example&format=csv")
    assert taken.text.count("COUNTED") == 60
    assert last_event(server).action == "AUDIT_EXPORTED"
    assert support_person.get("/audit?page=0").status_code == 400
    assert support_person.get("/audit?page_size=501").status_code == 400


def test_the_chain_is_walked_and_a_break_is_told(server: Flask, support_person: Person) -> None:
    assert "The audit log is intact" in support_person.get("/audit/verify").text
    with server.app_context(), writing() as session:
        record(session, at=current().clock.now(), actor="cli", action="X")
        session.execute(db.text("DROP TRIGGER audit_event_no_update"))
        session.execute(db.text("UPDATE audit_event SET actor = 'nobody' WHERE action = 'X'"))
    page = support_person.get("/audit/verify").text
    assert "The audit log was changed" in page
    assert "was changed after it was written" in page
