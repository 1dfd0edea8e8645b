"""The audit log as a page."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sentari.audit import service
from sentari.extensions import current, db
from sentari.licensing.ledger import verify_log
from sentari.web.access import access
from serverkit.paging import page_arguments

blueprint = Blueprint("audit", __name__, url_prefix="/audit")


@blueprint.get("")
@access(role="admin")
def index() -> ResponseReturnValue:
    """List events, newest first, filtered by action, actor or target."""
    page, page_size = page_arguments()
    found = service.search(
        db.session(),
        action=request.args.get("action", ""),
        text=request.args.get("search", ""),
        page=page,
        page_size=page_size,
    )
    actions = service.actions(db.session())
    return render_template("sentari/audit/index.html", found=found, actions=actions)


@blueprint.get("/verify")
@access(role="admin")
def verify() -> ResponseReturnValue:
    """Walk the whole chain and say whether it holds."""
    verdict = verify_log(db.session(), current().licensing.trust.roots)
    return render_template("sentari/audit/verify.html", verdict=verdict)
