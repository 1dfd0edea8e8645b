"""The API's reference as a page that needs nothing but this server."""

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from sentari.api.reference import read_reference
from sentari.extensions import current
from sentari.web.access import access

blueprint = Blueprint("api_docs", __name__)


@blueprint.get("/api/v1/docs")
@access(public=True, gate="open")
def show() -> ResponseReturnValue:
    """Show every operation of the API, in every license state and to everybody."""
    document = current_app.spec  # type: ignore[attr-defined] # apiflask's, and the app is one
    reference = read_reference(document)
    server_url = current().settings.public_url or request.host_url.rstrip("/")
    return render_template(
        "sentari/api_docs/index.html", reference=reference, server_url=server_url
    )
