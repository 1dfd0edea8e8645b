"""Signing in and out, sessions, roles and the form token."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from sentari.accounts import api_tokens
from sentari.accounts.administration import disable_user
from sentari.accounts.models import User, UserSession
from sentari.audit.models import AuditEvent
from sentari.extensions import db, writing
from tests.clocks import FakeClock
from tests.conftest import PASSWORD, add_user, csrf_token, sign_in

EMAIL = "admin@example.com"


def attempt(client: FlaskClient, email: str, password: str) -> int:
    form = {"email": email, "password": password, "csrf_token": csrf_token(client)}
    return client.post("/login", data=form).status_code


def test_a_stranger_is_sent_to_the_login_and_back(app: Flask) -> None:
    add_user(app, EMAIL, "admin")
    client = app.test_client()
    answer = client.get("/audit?action=A")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/audit?action%3DA"


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil"],
)
def test_the_login_leads_nowhere_else(app: Flask, target: str) -> None:
    add_user(app, EMAIL, "admin")
    client = app.test_client()
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": csrf_token(client)}
    answer = client.post("/login", query_string={"next": target}, data=form)
    assert answer.headers["Location"] == "/"


def test_a_wrong_password_is_refused_and_audited(app: Flask) -> None:
    add_user(app, EMAIL, "admin")
    client = app.test_client()
    assert attempt(client, EMAIL, "not the password") == 422
    assert attempt(client, "nobody@example.com", PASSWORD) == 422
    with app.app_context():
        failed = db.session.scalars(select(AuditEvent).filter_by(action="USER_LOGIN_FAILED")).all()
        assert [event.target for event in failed] == [EMAIL, "nobody@example.com"]


def test_the_sixth_attempt_within_a_minute_waits(app: Flask, clock: FakeClock) -> None:
    add_user(app, EMAIL, "admin")
    client = app.test_client()
    assert [attempt(client, EMAIL, "wrong password") for _ in range(5)] == [422] * 5
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": csrf_token(client)}
    refused = client.post("/login", data=form)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    clock.advance(61)
    assert attempt(client, EMAIL, PASSWORD) == 302


def test_one_account_is_not_guessed_from_many_addresses(app: Flask) -> None:
    add_user(app, EMAIL, "admin")
    codes = []
    for number in range(6):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        codes.append(attempt(client, EMAIL, "wrong password"))
    assert codes == [422] * 5 + [429]


def test_a_form_without_its_token_changes_nothing(admin_client: FlaskClient) -> None:
    assert admin_client.post("/logout").status_code == 400
    assert admin_client.get("/audit").status_code == 200


@pytest.mark.parametrize(("idle", "status"), [(8 * 3600 - 1, 200), (8 * 3600, 302)])
def test_an_idle_session_ends_after_eight_hours(
    admin_client: FlaskClient, clock: FakeClock, idle: int, status: int
) -> None:
    clock.advance(idle)
    assert admin_client.get("/audit").status_code == status


@pytest.mark.parametrize(("last", "status"), [(3600 - 1, 200), (3600, 302)])
def test_a_used_session_ends_after_a_day(
    admin_client: FlaskClient, clock: FakeClock, last: int, status: int
) -> None:
    for _ in range(23):
        clock.advance(3600)
        assert admin_client.get("/audit").status_code == 200
    clock.advance(last)
    assert admin_client.get("/audit").status_code == status


def test_signing_out_ends_the_session_for_a_copied_cookie_too(
    app: Flask, admin_client: FlaskClient
) -> None:
    cookie = admin_client.get_cookie("sentari_session")
    assert cookie is not None
    token = csrf_token(admin_client, "/audit")
    assert admin_client.post("/logout", data={"csrf_token": token}).status_code == 302
    thief = app.test_client()
    thief.set_cookie("sentari_session", cookie.value)
    assert thief.get("/audit").status_code == 302


def test_each_login_has_a_session_of_its_own(app: Flask, admin_client: FlaskClient) -> None:
    sign_in(app.test_client(), EMAIL)
    with app.app_context():
        assert len(db.session.scalars(select(UserSession)).all()) == 2


def test_disabling_a_user_ends_the_sessions_at_once(
    app: Flask, viewer_client: FlaskClient, clock: FakeClock
) -> None:
    assert viewer_client.get("/api/v1/audit/").status_code == 403
    with app.app_context(), writing() as session:
        user = session.scalars(select(User).filter_by(email="viewer@example.com")).one()
        disable_user(session, user, at=clock.now(), actor="test")
    assert viewer_client.get("/api/v1/audit/").status_code == 401


def test_a_viewer_cannot_change_anything(viewer_client: FlaskClient) -> None:
    assert viewer_client.post("/settings/users", data={}).status_code == 403
    assert viewer_client.get("/settings/users").status_code == 403


def test_an_api_token_speaks_until_it_expires_or_is_revoked(
    app: Flask, client: FlaskClient, clock: FakeClock
) -> None:
    add_user(app, EMAIL, "admin")
    with app.app_context(), writing() as session:
        token = api_tokens.create_api_token(
            session, name="ci", role="admin", expires_in_days=1, at=clock.now(), actor="test"
        )
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/audit/", headers=headers).status_code == 200
    clock.advance(86_399)
    assert client.get("/api/v1/audit/", headers=headers).status_code == 200
    clock.advance(1)
    assert client.get("/api/v1/audit/", headers=headers).status_code == 401


def test_a_wrong_api_token_is_told_how_to_ask(client: FlaskClient) -> None:
    answer = client.get("/api/v1/audit/", headers={"Authorization": "Bearer stri_wrong"})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_pages_of_a_signed_in_user_are_not_stored(admin_client: FlaskClient) -> None:
    answer = admin_client.get("/audit")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_the_cookie_is_out_of_reach_of_scripts(app: Flask) -> None:
    add_user(app, EMAIL, "admin")
    client = app.test_client()
    cookie = client.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
