"""The audit log as a page."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.audit import AuditEvent, audit_log
from license_server.extensions import db
from license_server.staff.roles import SUPPORT
from serverkit.audit.search import EventFilter, actions, search
from serverkit.paging import page_arguments

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

FILTERS = ("action", "actor", "target")


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List events, newest first, filtered by action, actor, target or any text."""
    page, page_size = page_arguments()
    given = {name: request.args.get(name, "").strip() for name in (*FILTERS, "search")}
    # PostgreSQL takes no NUL in a text, and no event has one.
    exactly = {name: value.replace("\0", "") for name, value in given.items()}
    wanted = EventFilter(text=exactly.pop("search"), exactly=exactly)
    found = search(db.session(), AuditEvent, wanted, page=page, page_size=page_size)
    return render_template(
        "license_server/audit/index.html",
        found=found,
        actions=actions(db.session(), AuditEvent),
        given=given,
    )


@blueprint.get("/verify")
@access(role=SUPPORT)
def verify() -> ResponseReturnValue:
    """Walk the whole chain and say whether it holds."""
    verdict = audit_log.verify(db.session())
    return render_template("license_server/audit/verify.html", verdict=verdict)
