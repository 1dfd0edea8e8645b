"""People at their browsers, for tests of users, accounts and the audit log."""

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from sentari.accounts.models import User
from sentari.audit.models import AuditEvent
from sentari.extensions import db
from tests.conftest import PASSWORD, csrf_token

NEW = "a new password of the tests"


class Person:
    """A browser in the hands of one person."""

    def __init__(self, app: Flask, email: str) -> None:
        self.app, self.email = app, email
        self.client: FlaskClient = app.test_client()

    def sign_in(self, password: str = PASSWORD) -> TestResponse:
        form = {
            "email": self.email,
            "password": password,
            "csrf_token": csrf_token(self.client, "/login"),
        }
        return self.client.post("/login", data=form)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def post(self, path: str, *, page: str = "/account", **form: str) -> TestResponse:
        """Send a form with the token that `page` shows."""
        return self.client.post(path, data={**form, "csrf_token": csrf_token(self.client, page)})

    def call(self, path: str, body: object = None) -> TestResponse:
        """Ask the API with the session's cookie."""
        headers = {"X-CSRFToken": csrf_token(self.client, "/account")}
        return self.client.post(path, json=body, headers=headers)

    def delete(self, path: str) -> TestResponse:
        """Delete over the API with the session's cookie."""
        headers = {"X-CSRFToken": csrf_token(self.client, "/account")}
        return self.client.delete(path, headers=headers)


def shown_password(page: str) -> str:
    """The one-time password on a page."""
    found = re.search(r'copyable-text">([\w-]{20})<', page)
    assert found is not None, page
    return found[1]


def user(app: Flask, email: str) -> User:
    with app.app_context():
        return db.session.scalars(select(User).where(User.email == email)).one()


def events(app: Flask, *actions: str) -> list[AuditEvent]:
    """The events with these actions, the newest first."""
    with app.app_context():
        query = select(AuditEvent).where(AuditEvent.action.in_(actions))
        return list(db.session.scalars(query.order_by(AuditEvent.seq.desc())))
