"""What the app's parts share: the database, the forms' tokens, and the per-app services."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from flask import current_app
from flask_login import LoginManager
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session

from sentari.config import Settings
from serverkit import database
from serverkit.clock import Clock
from serverkit.rate_limits import RateLimiter
from serverkit.shared_writes import SharedWrites

if TYPE_CHECKING:
    from sentari.agents.authority_store import AuthorityStore
    from sentari.licensing.core import Licensing
    from sentari.licensing.snapshot import Snapshot

Value = TypeVar("Value")

db = database.create_database()
login_manager = LoginManager()
csrf = CSRFProtect()


@dataclass
class Sentari:
    """The services of one app; `current()` finds them from anywhere in a request."""

    settings: Settings
    clock: Clock
    rate_limiter: RateLimiter
    licensing: "Licensing"
    authorities: "AuthorityStore"
    shared_writes: SharedWrites

    @property
    def snapshot(self) -> "Snapshot":
        """Return what knows the license's status."""
        return self.licensing.snapshot


def current() -> Sentari:
    """Return the services of the app that is being served."""
    return cast(Sentari, current_app.extensions["sentari"])


def writing() -> AbstractContextManager[Session]:
    """Open the one write transaction of a request or command."""
    return database.writing(db)


def single_statements() -> Session:
    """Return the request's session for reads of which each may see another moment."""
    return database.single_statements(db)


def write_with_others(
    work: Callable[[Session], Value], single: Callable[[Session], Value | None] | None = None
) -> Value:
    """Return what `work` returns, once it is committed, maybe together with other requests' work.

    On PostgreSQL transactions write side by side and share their waiting for the disk anyway.
    There `single` may do it all with one statement, which needs no transaction around it; it
    returns None when it has done nothing.
    """
    if db.engine.dialect.name == "sqlite":
        db.session.rollback()  # nothing is to be kept open while others write
        return current().shared_writes.run(work)
    if single and (done := single(single_statements())):
        return done
    with writing() as session:
        return work(session)
