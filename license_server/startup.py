"""What happens once when the server starts, before it serves: schema, first member of staff."""

import logging
import random
from functools import cache
from pathlib import Path

from flask import Flask

from license_server.background import Background
from license_server.extensions import current, db, writing
from license_server.staff.roles import APPROVER
from license_server.staff.service import any_staff, create_staff
from serverkit.schema import Schema

log = logging.getLogger(__name__)


@cache
def schema() -> Schema:
    """Return this version's migrations."""
    return Schema(Path(__file__).parent / "migrations")


def prepare(app: Flask) -> None:
    """Migrate the database and make the first member of staff, if the settings name one."""
    with app.app_context():
        for warning in current().settings.warnings:
            log.warning(warning)
        schema().upgrade(db.engine)
        _bootstrap_staff()
        db.session.remove()
        db.engine.dispose()


def create_background(app: Flask) -> Background:
    """Return the thread of one worker, not started yet."""
    server = app.extensions["license_server"]
    spread = random.SystemRandom().random
    return Background(app.app_context, server.clock, spread)


def _bootstrap_staff() -> None:
    settings = current().settings
    email, password = settings.bootstrap_staff_email, settings.bootstrap_staff_password
    if not (email and password) or any_staff(db.session()):
        return
    with writing() as session:
        # The head of the audit log is locked by the creation, so two that start at once
        # cannot both add the first one: the address is unique.
        create_staff(
            session,
            email=email,
            password=password,
            role=APPROVER,
            at=current().clock.now(),
            actor="setup",
        )
