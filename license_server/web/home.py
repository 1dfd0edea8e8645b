"""Where a signed-in person begins: what waits, and what happened last."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.activations.listing import ActivationFilter, search_activations
from license_server.extensions import current, db
from license_server.licenses.store import count_by_status
from license_server.signing.ceremony import key_warnings
from license_server.staff.roles import SUPPORT
from license_server.work import EXPIRING_WITHIN, work

blueprint = Blueprint("home", __name__)

_NEWEST = 8


@blueprint.get("/")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """Show what waits for staff."""
    session, now = db.session(), current().clock.now()
    return render_template(
        "license_server/home/index.html",
        work=work(session, now),
        expiring_days=EXPIRING_WITHIN.days,
        warnings=key_warnings(session, now),
        licenses=count_by_status(session),
        newest=search_activations(session, ActivationFilter(), now, page=1, page_size=_NEWEST),
        now=now,
    )
