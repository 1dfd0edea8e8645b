"""Activations in the machine interface."""

from apiflask import APIBlueprint
from flask import request
from flask.typing import ResponseReturnValue

from license_server import representations
from license_server.access import access
from license_server.acting import by_caller
from license_server.activations import service
from license_server.activations.store import get_activation
from license_server.api.schemas import ReasonInput
from license_server.extensions import db, writing

blueprint = APIBlueprint(
    "activations_api", __name__, url_prefix="/api/v1/activations", tag="Activations"
)


@blueprint.get("/<record:activation_id>")
@access(role="support")
def show(activation_id: str) -> ResponseReturnValue:
    """Return an activation with its newest hundred check-ins and all its flags."""
    session = db.session()
    return representations.activation_detail(session, get_activation(session, activation_id))


@blueprint.post("/<record:activation_id>/resolve-flags")
@access(role="issuer")
@blueprint.input(ReasonInput)
def resolve_flags(activation_id: str, json_data: ReasonInput) -> ResponseReturnValue:
    """Close all open flags, saying what they came from."""
    by = by_caller()
    with writing() as session:
        row = service.resolve_flags(
            session, activation_id, reason=json_data.reason, actor=by.actor, at=by.at
        )
        return representations.activation_detail(session, row)


@blueprint.delete("/<record:activation_id>")
@access(role="issuer")
def release(activation_id: str) -> ResponseReturnValue:
    """Release an activation; `?reason=` says why."""
    by = by_caller()
    reason = request.args.get("reason", "released by staff")
    with writing() as session:
        service.release(session, activation_id, reason=reason, actor=by.actor, at=by.at)
    return "", 204
