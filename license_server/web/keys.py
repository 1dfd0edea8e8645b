"""The vendor's keys: what signs, until when, and what must be done about it."""

from datetime import UTC, datetime

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.extensions import current, db
from license_server.signing.ceremony import all_keys, all_roots, key_warnings
from license_server.staff.roles import SUPPORT

blueprint = Blueprint("keys", __name__, url_prefix="/keys")


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """Show roots, signing keys and warnings; keys are made on the command line."""
    session, now = db.session(), current().clock.now()
    return render_template(
        "license_server/keys/index.html",
        warnings=key_warnings(session, now),
        keys=all_keys(session),
        roots=all_roots(session),
        second=int(now.timestamp()),
        moment=lambda seconds: datetime.fromtimestamp(seconds, UTC),
    )
