"""Activations in the machine interface."""

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue

from license_server.access import access
from license_server.activations import service
from license_server.api.caller import by_caller
from license_server.extensions import writing

blueprint = APIBlueprint(
    "activations", __name__, url_prefix="/api/v1/activations", tag="Activations"
)


@blueprint.delete("/<record:activation_id>")
@access(role="issuer")
def release(activation_id: str) -> ResponseReturnValue:
    """Release an activation; `?reason=` says why."""
    by = by_caller()
    reason = request.args.get("reason", "released by staff")
    with writing() as session:
        service.release(session, activation_id, reason=reason, actor=by.actor, at=by.at)
    return "", 204
