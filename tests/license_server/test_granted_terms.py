"""No reply says more than an approved version of terms does, whatever was done to the database."""

import pytest
from flask import Flask
from sqlalchemy import text

from license_server.extensions import db
from serverkit.database import writable
from tests.license_server.cast import Api, CustomerServer, refusal


def test_a_reply_says_what_the_granted_version_says(
    server: Flask, sentari: CustomerServer, issuer: Api, license_: dict[str, str]
) -> None:
    shown = issuer.get(f"/api/v1/licenses/{license_['id']}").json
    claims = sentari.check_in().claims.terms.to_claims()
    common = claims.keys() & shown.keys()
    assert len(common) == 8
    assert {name: claims[name] for name in common} == {name: shown[name] for name in common}


def test_terms_whose_need_of_approval_was_denied_in_the_database_are_not_signed(
    server: Flask, sentari: CustomerServer, issuer: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """The triggers and constraints refuse this; whoever owns the database can drop them."""
    waiting = issuer.issue(max_devices=None)
    with server.app_context(), writable(db.engine.connect()) as connection, connection.begin():
        connection.execute(text("DROP TRIGGER terms_version_no_update"))
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text("UPDATE terms_version SET approval_required = false"))
        connection.execute(text("PRAGMA ignore_check_constraints = OFF"))
    sentari.license_key = waiting["license_key"]
    assert refusal(sentari.send(sentari.request())) == (503, "unavailable")
    assert "marked as needing no approval" in caplog.text
