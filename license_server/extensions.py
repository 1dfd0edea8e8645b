"""What the app's parts share: the database, the forms' tokens, and the per-app services."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app
from flask_login import LoginManager
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session

from serverkit import database
from serverkit.clock import Clock
from serverkit.rate_limits import RateLimiter

if TYPE_CHECKING:
    from license_server.config import Settings
    from license_server.outbox.transports import Transport
    from license_server.signing.keyring import Keyring

db = database.create_database()
login_manager = LoginManager()
csrf = CSRFProtect()


@dataclass(frozen=True)
class LicenseServer:
    """The services of one app; `current()` finds them from anywhere in a request."""

    settings: "Settings"
    clock: Clock
    rate_limiter: RateLimiter
    keyring: "Keyring"
    transport: "Transport"
    mail_key: bytes = field(repr=False)
    totp_key: bytes = field(repr=False)


def current() -> LicenseServer:
    """Return the services of the app that is being served."""
    return cast(LicenseServer, current_app.extensions["license_server"])


def writing() -> AbstractContextManager[Session]:
    """Open the one write transaction of a request or command."""
    return database.writing(db)
