"""A signed reply that is on the screen, as the file that is carried to the server."""

from flask import Response, request
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.extensions import db
from license_server.signing.ceremony import root_set
from license_server.staff.roles import APPROVER
from license_server.web.licenses.blueprint import blueprint
from license_token.armor import armor_license, unarmor
from license_token.errors import LicenseTokenError
from license_token.reply import read_reply
from serverkit.problems import Problem


@blueprint.post("/<record:license_id>/reply-file")
@access(role=APPROVER)
def reply_file(license_id: str) -> ResponseReturnValue:
    """Hand the reply in the form back as a file, if it is one of this license."""
    try:
        text = unarmor(request.form.get("reply", ""))
        reply = read_reply(text, root_set(db.session()))
    except LicenseTokenError as error:
        raise Problem(400, "malformed", "This is not a reply", str(error)) from error
    if reply.claims.license_id != license_id:
        raise Problem(400, "malformed", "This is not a reply", "It is of another license.")
    name = f"sentari-license-{reply.claims.jti[:8]}.txt"
    response = Response(armor_license(text), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
