"""Databases that are in use come to the newest schema with all that is in them."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import license_server
from license_server.extensions import db
from serverkit.database import writable

AT = "2026-11-23 12:00:00"
CUSTOMER = "INSERT INTO customer VALUES ('c', 'Example Ltd', 'it@example.com', '', :at, 'cli')"
LICENSE = "INSERT INTO license VALUES ('l', 'c', 'active', 'issued', :at, 'cli', :at, 'cli')"


def migrate(app: Flask, to: str) -> None:
    with app.app_context():
        config = Config()
        directory = Path(license_server.__file__).parent / "migrations"
        config.set_main_option("script_location", str(directory))
        config.attributes["engine"] = db.engine
        (command.downgrade if to == "0001" else command.upgrade)(config, to)


def execute(app: Flask, statement: str) -> list[tuple[object, ...]]:
    with app.app_context(), writable(db.engine.connect()) as connection, connection.begin():
        found = connection.execute(text(statement), {"at": AT} if ":at" in statement else {})
        return [tuple(row) for row in found] if found.returns_rows else []


def add_mail(app: Flask, state: str, sealed: str) -> None:
    execute(
        app,
        "INSERT INTO outbox_mail (id, license_id, kind, recipient, subject, text_sealed, state,"
        " attempts, next_attempt_at, created_at) VALUES"
        f" ('{state}', 'l', 'license_key', 'a@b', 'S', {sealed}, '{state}', 0, :at, :at)",
    )


def test_mails_of_the_first_schema_stay_what_they_are(each_server: Flask) -> None:
    migrate(each_server, "0001")
    for statement in (CUSTOMER, LICENSE):
        execute(each_server, statement)
    for state in ("held", "queued"):
        add_mail(each_server, state, "'sealed'")
    for state in ("sent", "cancelled"):
        add_mail(each_server, state, "NULL")
    migrate(each_server, "head")
    found = execute(each_server, "SELECT id, state, text_sealed, html_sealed FROM outbox_mail")
    assert sorted(found, key=str) == [
        ("cancelled", "cancelled", None, None),
        ("held", "held", "sealed", None),
        ("queued", "queued", "sealed", None),
        ("sent", "sent", None, None),
    ]
    execute(each_server, "UPDATE outbox_mail SET state = 'failed' WHERE id = 'queued'")
    with pytest.raises(IntegrityError):
        execute(each_server, "UPDATE outbox_mail SET state = 'sent' WHERE id = 'queued'")
    migrate(each_server, "0001")
    assert execute(each_server, "SELECT state FROM outbox_mail WHERE id = 'queued'") == [
        ("queued",)
    ]
    migrate(each_server, "head")


def test_the_rows_of_the_first_schema_come_along_with_what_refers_to_them(
    each_server: Flask,
) -> None:
    migrate(each_server, "0001")
    rows = {
        "customer": f"'c', 'Example Ltd', 'it@example.com', '', '{AT}', 'test'",
        "license": f"'l', 'c', 'suspended', 'late', '{AT}', 'test', '{AT}', 'test'",
        "license_key": f"1, 'l', '{'a' * 64}', 'ABCDE', '{AT}', 'test', NULL",
        "activation": (
            f"'a', 'l', 'i', '{'t' * 43}', '{AT}', '{AT}', '1.0', 1, 2, 3, '{'0' * 64}', 1, 0,"
            " 'j', NULL, NULL, NULL, NULL"
        ),
        "activation_flag": f"1, 'a', 'tampered', '{AT}', '{AT}', 1, NULL, NULL, NULL",
        "outbox_mail": (
            f"'m', 'l', 'license_key', 'it@example.com', 'x', NULL, 'sent', 1, '{AT}', NULL,"
            f" '{AT}', '{AT}'"
        ),
        "root_key": f"'{'r' * 43}', '{'0' * 64}', '{AT}'",
        "staff": f"1, 'ann@x.example', 'hash', 'issuer', '{AT}', NULL",
        "staff_token": f"1, 1, 'laptop', '{'b' * 64}', 'abcde', '{AT}', NULL, NULL",
    }
    for table, values in rows.items():
        execute(each_server, f"INSERT INTO {table} VALUES ({values})")

    def counts() -> dict[str, object]:
        return {table: execute(each_server, f"SELECT count(*) FROM {table}") for table in rows}

    before = counts()
    migrate(each_server, "head")
    assert counts() == before
    found = execute(each_server, "SELECT status, status_reason, issued_version FROM license")
    assert found == [("suspended", "late", 1)]
    # SQLite checks no references while tables are rebuilt, and does again afterwards.
    with pytest.raises(IntegrityError):
        execute(each_server, "DELETE FROM license")
