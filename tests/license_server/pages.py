"""Members of staff at their browsers."""

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from license_server.extensions import current, writing
from license_server.staff import totp
from license_server.staff.models import Staff
from license_server.staff.service import sessions
from serverkit.browsers import Browser
from serverkit.secrets import seal
from tests.clocks import FakeClock
from tests.conftest import PASSWORD, PASSWORD_HASH, csrf_token

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def add_staff(app: Flask, email: str, role: str, *, enrolled: bool = True) -> int:
    """Add a person and return the id."""
    with app.app_context():
        server = current()
        with writing() as session:
            person = Staff(
                email=email,
                password_hash=PASSWORD_HASH,
                role=role,
                created_at=server.clock.now(),
                totp_sealed=seal(server.totp_key, SECRET.encode()) if enrolled else None,
                totp_last_step=0 if enrolled else None,
            )
            session.add(person)
            session.flush()
            return person.id


class Person:
    """A browser in the hands of one person."""

    def __init__(self, app: Flask, clock: FakeClock, email: str, secret: str = SECRET) -> None:
        self.app, self.clock, self.email, self.secret = app, clock, email, secret
        self.client: FlaskClient = app.test_client()
        self._token = ""

    def code(self) -> str:
        """What the authenticator app shows now."""
        return pyotp.TOTP(self.secret).at(int(self.clock.now().timestamp()))

    def give_password(self, password: str = PASSWORD, next_: str = "") -> TestResponse:
        form = {
            "email": self.email,
            "password": password,
            "csrf_token": csrf_token(self.client, "/login"),
        }
        return self.client.post("/login", data=form, query_string={"next": next_} if next_ else {})

    def give_code(self, code: str | None = None) -> TestResponse:
        form = {
            "code": self.code() if code is None else code,
            "csrf_token": csrf_token(self.client, "/login/code"),
        }
        return self.client.post("/login/code", data=form)

    def sign_in(self) -> "Person":
        """Sign in with password and code, with a code that was not used yet."""
        self.clock.advance(totp.STEP_SECONDS)
        assert self.give_password().status_code == 302
        answer = self.give_code()
        assert answer.status_code == 302, answer.text
        return self

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, **form: str) -> TestResponse:
        """Send a form of the site with its token."""
        self._token = self._token or csrf_token(self.client, "/account")
        return self.client.post(path, data={**form, "csrf_token": self._token})


def person_with(app: Flask, role: str, email: str = "") -> Person:
    """Add a member of staff with the role who has signed in, which costs no slow hash here."""
    email = email or f"{role}@people.example"
    staff_id = add_staff(app, email, role)
    with app.app_context():
        clock = current().clock
        assert isinstance(clock, FakeClock)
        with writing() as session:
            browser = Browser("127.0.0.1", "Werkzeug")
            token = sessions.begin(session, browser, at=clock.now(), staff_id=staff_id)
    person = Person(app, clock, email)
    with person.client.session_transaction() as cookie:
        cookie["_user_id"] = token
    return person
