"""What waits for a second person."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.extensions import current, db
from license_server.licenses.search import waiting_for_approval
from license_server.rules import approval_reasons
from license_server.staff.roles import SUPPORT

blueprint = Blueprint("approvals", __name__, url_prefix="/approvals")


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List the licenses whose newest terms wait, and why they need somebody."""
    now = current().clock.now()
    waiting = [
        (row.license, row.version, approval_reasons(row.version.terms, today=row.version.starts_on))
        for row in waiting_for_approval(db.session(), now.date())
    ]
    return render_template("license_server/approvals/index.html", waiting=waiting, now=now)
