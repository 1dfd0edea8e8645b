"""The work list: what servers reported of themselves, and suspected clones."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.activations import listing
from license_server.check_in_rules import MARKS
from license_server.extensions import current, db
from license_server.staff.roles import SUPPORT
from serverkit.paging import page_arguments

blueprint = Blueprint("findings", __name__, url_prefix="/findings")


@blueprint.get("")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """List flags: the open ones, or those that somebody closed."""
    page, page_size = page_arguments()
    kind = request.args.get("kind", "")
    kind = kind if kind in MARKS else ""
    resolved = request.args.get("state") == "closed"
    found = listing.flag_page(
        db.session(), kind=kind, resolved=resolved, page=page, page_size=page_size
    )
    return render_template(
        "license_server/findings/index.html",
        found=found,
        kind=kind,
        kinds=MARKS,
        resolved=resolved,
        now=current().clock.now(),
    )
