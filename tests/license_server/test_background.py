"""The workers' thread: it queues notices and sends mails, and no error ends it."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from license_server.background import NOTICES_SECONDS, STALLED_SECONDS, Background
from license_server.extensions import db
from license_server.outbox.models import OutboxMail
from serverkit.database import writable
from tests.clocks import FakeClock
from tests.license_server.cast import Api


def background(app: Flask, clock: FakeClock) -> Background:
    return Background(app.app_context, clock, lambda: 0.5)


def states(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        rows = db.session.scalars(select(OutboxMail).order_by(OutboxMail.created_at))
        return [(row.kind, row.state) for row in rows]


def test_a_look_queues_what_is_due_and_sends_it(
    server: Flask, issuer: Api, clock: FakeClock, tmp_path: Path
) -> None:
    issuer.issue(expires_at="2026-12-13")
    background(server, clock).tick()
    assert states(server) == [("license_key", "sent"), ("expiry_notice", "sent")]
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 2


def test_notices_are_looked_for_only_now_and_then(
    server: Flask, issuer: Api, clock: FakeClock
) -> None:
    thread = background(server, clock)
    thread.tick()
    issuer.issue(expires_at="2026-12-13")
    clock.advance(NOTICES_SECONDS - 1)
    thread.tick()
    assert len(states(server)) == 1
    clock.advance(1)
    thread.tick()
    assert len(states(server)) == 2


def test_a_mail_server_that_is_down_is_left_in_peace_for_a_minute(
    server: Flask, issuer: Api, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "mail").write_text("in the way")
    issuer.issue()
    clock.advance(3600)
    thread = background(server, clock)
    thread.tick()
    (tmp_path / "mail").unlink()
    issuer.issue()  # sends by itself what is due, but the first is not
    clock.advance(STALLED_SECONDS - 1)
    with server.app_context(), writable(db.engine.connect()) as connection:
        connection.execute(text("UPDATE outbox_mail SET next_attempt_at = '2020-01-01 00:00:00'"))
        connection.commit()
    thread.tick()
    assert [state for _, state in states(server)] == ["queued", "sent"]
    clock.advance(1)
    thread.tick()
    assert [state for _, state in states(server)] == ["sent", "sent"]


def test_a_database_that_is_not_there_is_one_line_in_the_log(
    make_server: Callable[..., Flask],
    tmp_path: Path,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = make_server(f"sqlite:///{tmp_path / 'empty.db'}")
    background(app, clock).tick()
    [line] = caplog.records
    assert "mails wait for the database" in line.message
    assert line.exc_info is None


def test_the_thread_ends_when_it_is_told_to(server: Flask, clock: FakeClock) -> None:
    thread = background(server, clock)
    thread.start()
    assert "mails" in {found.name for found in threading.enumerate()}
    thread.stop()
    assert "mails" not in {found.name for found in threading.enumerate()}
