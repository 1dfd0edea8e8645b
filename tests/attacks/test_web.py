"""The pages and the API of both servers, as a stranger or another site would use them.

Each walk goes over all endpoints that there are, so that one that is added is walked as well.
"""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from sentari.accounts.models import User
from sentari.accounts.service import sessions
from sentari.extensions import db, writing
from sentari.web.access import access_of
from sentari.web.account import setup_token
from serverkit.browsers import Browser
from serverkit.pages import SAFE_METHODS, safe_next
from tests.attacks.site import API, NOBODY, Site
from tests.clocks import FakeClock
from tests.conftest import AppFactory, add_user, csrf_token
from tests.license_server.pages import person_with

MIB = 1024 * 1024
EVIL = "https://evil.example/"
# What agents call shows no cookie: whoever has one is nobody there.
BY_AGENTS = {
    "agent.audit_log", "agent.register", "agent.renew", "agent.scan",
}  # fmt: skip
# What a read may write: how often somebody asked, and the request that waits for its answer.
WRITTEN_BY_READS = ('INSERT INTO "rate_limit"', 'INSERT INTO "license_request"')


def address(rule: Rule) -> str:
    return re.sub("<.*?>", lambda found: "999" if "int:" in found[0] else NOBODY, rule.rule)


def changes_of(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Yield endpoint, method and address of whatever can be changed."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - SAFE_METHODS):
            yield rule.endpoint, method, address(rule)


def reads_of(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield endpoint and address of whatever can be read."""
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or set()):
            yield rule.endpoint, address(rule)


def browser_of(site: Site, role: str) -> FlaskClient:
    """Return the browser of somebody who has signed in, without the slow hash."""
    email = f"{role}@example.com"
    add_user(site.app, email, role)
    with site.app.app_context():
        user_id = db.session.query(User.id).filter_by(email=email).scalar()
        with writing() as session:
            where = Browser("127.0.0.1", "Werkzeug")
            token = sessions.begin(session, where, at=site.clock.now(), user_id=user_id)
    client = site.app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    return client


def is_forged(answer: TestResponse) -> bool:
    return answer.status_code == 400 and "The form has expired" in answer.text


def dump(path: Path, *but: str) -> str:
    """Return all that a database holds."""
    with closing(sqlite3.connect(path)) as connection:
        lines = [line for line in connection.iterdump() if not line.startswith(but)]
    return "\n".join(lines)


# Forged requests.


def test_each_change_by_a_browser_needs_the_token_of_its_own_form(site: Site) -> None:
    admin, before = browser_of(site, "admin"), dump(site.path, *WRITTEN_BY_READS)
    other = csrf_token(site.app.test_client(), "/login")
    walked = 0
    for endpoint, method, path in changes_of(site.app):
        answers = [
            admin.open(path, method=method, data={"csrf_token": token}, headers=headers)
            for token, headers in (("", {}), (other, {"X-CSRFToken": other}))
        ]
        if endpoint in BY_AGENTS:
            assert {answer.status_code for answer in answers} <= {400, 401, 403, 422}, endpoint
        else:
            walked += 1
            assert all(map(is_forged, answers)), (endpoint, [a.status_code for a in answers])
    assert walked > 30
    assert dump(site.path, *WRITTEN_BY_READS) == before, "what was refused changed nothing"


def test_what_takes_no_form_token_is_what_agents_call(site: Site) -> None:
    asked = {name: access_of(site.app, name) for name, *_ in changes_of(site.app)}
    assert {name for name, access in asked.items() if access.agent} == BY_AGENTS


# What is read.


def test_reading_changes_nothing_stays_in_no_cache_and_leads_nowhere_else(site: Site) -> None:
    admin = browser_of(site, "admin")
    before = dump(site.path, *WRITTEN_BY_READS)
    for endpoint, path in reads_of(site.app):
        for client in (admin, site.app.test_client()):
            answer = client.get(path, query_string={"next": EVIL, "format": ""}, buffered=True)
            kept = answer.headers["Cache-Control"]
            assert (kept == "no-store") is (endpoint != "static" or answer.status_code == 404)
            location = answer.headers.get("Location", "")
            assert urlsplit(location).netloc in ("", "localhost"), endpoint
            assert_headers(answer)
    assert dump(site.path, *WRITTEN_BY_READS) == before


def assert_headers(answer: TestResponse) -> None:
    headers = answer.headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_every_answer_of_the_vendors_server_has_the_same_headers(site: Site) -> None:
    app = site.vendor.app
    public = {"well_known.keys", "static"}
    with app.app_context():
        person = person_with(app, "approver")
    for endpoint, path in reads_of(app):
        for client in (person.client, app.test_client()):
            answer = client.get(path, query_string={"next": EVIL}, buffered=True)
            assert_headers(answer)
            private = endpoint not in public or answer.status_code == 404
            assert (answer.headers["Cache-Control"] == "no-store") is private, endpoint
            assert urlsplit(answer.headers.get("Location", "")).netloc in ("", "localhost")


def test_secrets_that_programs_are_given_stay_in_no_cache(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.device_token}"}
    for answer in (
        site.register(hostname="web-02"),
        site.agents.get(f"{API}/agent/config", headers=headers),
        site.call("GET", "/license/request"),
        site.agents.get(f"{API}/audit/"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "target",
    [
        EVIL, "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "/\t/evil.example", "\t//evil.example", " //evil.example", "/\n/evil.example",
        "https:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x",
        "evil.example", "", None, "/\r\nLocation: https://evil.example", "@evil.example",
        "/\x00/evil.example", "?next=x", "http://[evil",
    ],
)  # fmt: skip
def test_after_signing_in_one_is_on_this_server(target: str | None) -> None:
    found = safe_next(target, "/home")
    assert found == "/home"
    assert urlsplit(urljoin("https://sentari.example/login", found)).netloc == "sentari.example"


@pytest.mark.parametrize("target", ["/", "/devices?search=a%20b&page=2", "/packages/deb/a//b"])
def test_a_page_of_this_server_is_gone_back_to(target: str) -> None:
    assert safe_next(target, "/home") == target


# Cookies.

PLAIN, HOST = "sentari_session", "__Host-sentari_session"
SENTARI = {"HTTP_HOST": "sentari.example"}


@pytest.mark.parametrize(
    ("settings", "base", "headers", "name"),
    [
        ({}, {}, {}, PLAIN),
        ({}, {"wsgi.url_scheme": "https"}, {}, HOST),
        ({"public_url": "https://sentari.example"}, SENTARI, {}, HOST),
        ({"public_url": "https://sentari.example"}, {}, {}, PLAIN),
        ({"trusted_proxies": 1}, {}, {"X-Forwarded-Proto": "https"}, HOST),
        ({"trusted_proxies": 1}, {}, {"X-Forwarded-Proto": "http"}, PLAIN),
        ({}, {}, {"X-Forwarded-Proto": "https"}, PLAIN),
    ],
    ids=[
        "http",
        "tls",
        "public-url",
        "public-url-on-this-machine",
        "behind-tls",
        "behind-http",
        "said-by-anybody",
    ],
)
def test_under_tls_the_cookie_is_this_hosts_alone(
    make_app: AppFactory,
    sqlite_url: str,
    settings: dict[str, Any],
    base: object,
    headers: object,
    name: str,
) -> None:
    client = make_app(sqlite_url, **settings).test_client()
    cookie = client.get("/setup", environ_overrides=base, headers=headers).headers["Set-Cookie"]
    words = set(cookie.split("; "))
    assert cookie.startswith(f"{name}=")
    assert words >= {"HttpOnly", "SameSite=Lax", "Path=/"}
    assert ("Secure" in words) is (name == HOST or "public_url" in settings)
    assert not any(word.startswith(("Domain", "Expires", "Max-Age")) for word in words)


def test_under_tls_a_cookie_that_anybody_could_have_planted_is_not_read(site: Site) -> None:
    admin = browser_of(site, "admin")
    assert admin.get("/account").status_code == 200
    tls = {"wsgi.url_scheme": "https"}
    assert admin.get("/account", environ_overrides=tls).status_code == 302
    planted = admin.get_cookie(PLAIN)
    assert planted is not None
    admin.set_cookie(HOST, planted.value)
    assert admin.get("/account", environ_overrides=tls).status_code == 200


# Guessing.


def test_the_token_of_the_setup_is_guessed_five_times_a_minute(
    make_app: AppFactory, sqlite_url: str, clock: FakeClock
) -> None:
    app = make_app(sqlite_url)
    client, other = app.test_client(), make_app(sqlite_url).test_client()
    with app.test_request_context():
        right = setup_token()
    form = {"email": "a@example.com", "password": "a password that is long"}

    def guess(browser: FlaskClient, token: str) -> int:
        values = {**form, "token": token, "csrf_token": csrf_token(browser, "/setup")}
        return browser.post("/setup", data=values).status_code

    assert [guess(each, "0" * 32) for each in (client, other, client, other, client)] == [422] * 5
    assert guess(other, right) == 429
    clock.advance(60)
    assert guess(other, right) == 302
    assert client.get("/setup").status_code == 404


# What is sent.


def test_every_form_has_a_limit(site: Site) -> None:
    admin = browser_of(site, "admin")
    for endpoint, method, path in changes_of(site.app):
        if endpoint not in BY_AGENTS:
            for body in (
                {
                    "environ_overrides": TOO_LARGE,
                    "content_type": "application/x-www-form-urlencoded",
                },
                {"data": {f"f{n}": "" for n in range(101)}, "content_type": MULTIPART},
            ):
                answer = admin.open(path, method=method, **body)
                assert answer.status_code == 413, endpoint


MULTIPART, TOO_LARGE = "multipart/form-data", {"CONTENT_LENGTH": str(MIB + 1)}
# What people may enter that names a machine: what they look for, and whose agent it is.
MACHINES = {"hostname"}


def test_no_form_and_no_member_of_the_api_says_whom_the_server_is_to_call(site: Site) -> None:
    admin, names = browser_of(site, "admin"), set()
    for _, path in reads_of(site.app):
        page = admin.get(path, buffered=True)
        if page.mimetype == "text/html":
            names |= set(
                re.findall(r'<(?:input|select|textarea)\b[^>]*\bname="([^"]+)"', page.text)
            )
    assert {"license_key", "your_password", "search"} <= names
    document = site.agents.get(f"{API}/openapi.json").json
    for path in document["paths"].values():
        for operation in path.values():
            body = operation.get("requestBody", {}).get("content", {})
            for content in body.values():
                schema = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
                names |= set(
                    document["components"]["schemas"].get(schema, {}).get("properties", {})
                )
            names |= {parameter["name"] for parameter in operation.get("parameters", [])}
    said = re.compile(r"ur[il]|host|proxy|server|endpoint|callback|hook|address|port\b", re.I)
    assert {name for name in names if said.search(name)} == MACHINES


# What is written down.


def test_no_secret_is_logged_audited_or_stored_in_the_clear(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        secrets = give_secrets_away(site)
    assert len(secrets) == len(set(secrets)) > 10
    texts = {
        "log": "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records),
        "database": dump(site.path),
        "vendor": dump(site.vendor.path),
    }
    assert "USER_PASSWORD_REFUSED" in texts["database"]
    assert "/settings/users" in texts["log"]
    for where, text in texts.items():
        assert [secret for secret in secrets if secret in text] == [], where


def give_secrets_away(site: Site) -> list[str]:
    """Do what takes or shows a secret, and return all of them."""
    wrong, new, key = "a wrong password 1", "a new password 2", site.vendor.issue()["license_key"]
    admin = browser_of(site, "admin")
    cookie = admin.get_cookie(PLAIN)
    assert cookie is not None
    token = csrf_token(admin, "/account")

    def post(path: str, **form: str) -> str:
        return admin.post(path, data={**form, "csrf_token": token}).text

    def shown(page: str, what: str) -> str:
        found = re.search(what, page)
        assert found is not None, page
        return found[0]

    stranger = site.app.test_client()
    form = {"email": "admin@example.com", "password": wrong, "csrf_token": csrf_token(stranger)}
    assert stranger.post("/login", data=form).status_code == 422
    post("/settings/license/remove", your_password=wrong)
    post("/settings/license", license_key=key)
    post("/account/password", present=wrong, password=new)
    one_time = shown(
        post("/settings/users", email="new@example.com", role="viewer"),
        r'(?<=copyable-text">)[\w-]{20}(?=<)',
    )
    api = shown(post("/settings/api-tokens", name="ci", role="viewer"), r"stri_[\w-]{43}")
    enroll = shown(post("/settings/enrollment", name="office"), r"stre_[\w-]{43}")
    device = site.register(hostname="web-03", enrollment_token=enroll).json["device_token"]
    for guess in (f"{api}x", api, device):
        headers = {"Authorization": f"Bearer {guess}"}
        site.agents.get(f"{API}/inventory/summary", headers=headers)
        site.agents.get(f"{API}/agent/config?token={guess}", headers=headers)
    with admin.session_transaction() as inside:
        session_token = str(inside["_user_id"])
    secrets = [wrong, new, key, one_time, api, enroll, device, session_token, token, cookie.value]
    return [*secrets, *give_vendors_secrets_away(site)]


def give_vendors_secrets_away(site: Site) -> list[str]:
    wrong, app = "a wrong password 3", site.vendor.app
    with app.app_context():
        person = person_with(app, "approver")
    page = person.post("/staff", email="new@vendor.example", role="support").text
    found = re.search(r'copyable-text">([\w-]{20})<', page)
    assert found is not None
    person.post("/account/totp", present=wrong)
    with person.client.session_transaction() as inside:
        return [wrong, found[1], str(inside["_user_id"])]
