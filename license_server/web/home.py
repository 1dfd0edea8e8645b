"""Where a signed-in person begins."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.staff.roles import SUPPORT

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@access(role=SUPPORT)
def index() -> ResponseReturnValue:
    """Show where to go."""
    return render_template("license_server/home/index.html")
