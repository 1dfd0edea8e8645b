"""What happens when a server starts: schema and first admin once, a thread in each worker."""

import logging
from functools import cache, partial
from pathlib import Path

from flask import Flask

from sentari.accounts.service import AccountError, any_user, create_first_admin
from sentari.extensions import Sentari, current, db, writing
from sentari.inventory.activity import DayCounts
from sentari.inventory.counting import count_pending
from sentari.inventory.retention import Retention
from sentari.licensing.ledger import LogWatch
from sentari.licensing.recount import Recount
from sentari.licensing.scheduler import Scheduler
from sentari.licensing.service import keep_time
from sentari.licensing.service import prepare as prepare_licensing
from sentari.operations.sealed import check_secret_key
from sentari.startup_tls import prepare_tls
from sentari.web.account import setup_token
from serverkit.schema import Schema

log = logging.getLogger(__name__)


@cache
def schema() -> Schema:
    """Return this version's migrations."""
    return Schema(Path(__file__).parent / "migrations")


def prepare(app: Flask) -> None:
    """Migrate the database, make the first admin and the CA, apply the environment's license key.

    Nothing here needs the network.
    """
    with app.app_context():
        for warning in current().settings.warnings:
            log.warning(warning)
        schema().upgrade(db.engine)
        check_secret_key(db.session(), current().settings)
        _bootstrap_admin()
        prepare_tls()
        prepare_licensing(current().licensing)
        if not any_user(db.session()):
            log.warning("no user yet: open /setup and enter the setup token %s", setup_token())
        db.session.remove()
        db.engine.dispose()


def create_scheduler(app: Flask) -> Scheduler:
    """Return this worker's background thread, not started yet."""
    sentari: Sentari = app.extensions["sentari"]
    licensing = sentari.licensing
    watch = LogWatch(licensing, app.app_context)
    keep = partial(keep_time, licensing)
    days = DayCounts(sentari.clock)
    # After the days: what is deleted was counted.
    retention = Retention(sentari.clock, sentari.settings.scan_history_days)
    jobs = (keep, watch.start, Recount(licensing), days, retention, licensing.snapshot.refresh)
    return Scheduler(licensing, app.app_context, minute_jobs=jobs, look_jobs=(count_pending,))


def _bootstrap_admin() -> None:
    settings = current().settings
    email, password = settings.bootstrap_admin_email, settings.bootstrap_admin_password
    if not (email and password) or any_user(db.session()):
        return
    try:
        with writing() as session:
            create_first_admin(session, email=email, password=password, at=current().clock.now())
    except AccountError:
        # Another server that started at the same moment may have been first.
        if not any_user(db.session()):
            raise
