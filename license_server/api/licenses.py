"""Licenses in the machine interface."""

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from license_server import representations
from license_server.access import access
from license_server.acting import by_caller, deliver_mails, sign_in_advance
from license_server.api.schemas import ReasonInput, TermsInput
from license_server.extensions import db, writing
from license_server.licenses import service
from license_server.licenses.store import get_license
from license_server.rules import Action

blueprint = APIBlueprint("licenses_api", __name__, url_prefix="/api/v1/licenses", tag="Licenses")


@blueprint.get("/<record:license_id>")
@access(role="support")
def show(license_id: str) -> ResponseReturnValue:
    """Return a license with its versions of terms and its activations."""
    return _detail(db.session(), license_id)


@blueprint.patch("/<record:license_id>")
@access(role="issuer")
@blueprint.input(TermsInput)
def change(license_id: str, json_data: TermsInput) -> ResponseReturnValue:
    """Change terms: a new version, which servers get at their next check-in."""
    changes = json_data.changes()
    with writing() as session:
        service.change_terms(session, license_id, changes, reason=json_data.reason, act=by_caller())
        body = _detail(session, license_id)
    deliver_mails()
    return body


@blueprint.post("/<record:license_id>/approve")
@access(role="approver")
def approve(license_id: str) -> ResponseReturnValue:
    """Approve the newest terms, as a second person."""
    with writing() as session:
        service.approve(session, license_id, act=by_caller())
        body = _detail(session, license_id)
    deliver_mails()
    return body


@blueprint.post("/<record:license_id>/suspend")
@access(role="issuer")
@blueprint.input(ReasonInput)
def suspend(license_id: str, json_data: ReasonInput) -> ResponseReturnValue:
    """Suspend: servers become read-only at their next check-in."""
    return _change_status(license_id, Action.SUSPEND, json_data.reason)


@blueprint.post("/<record:license_id>/reinstate")
@access(role="issuer")
@blueprint.input(ReasonInput)
def reinstate(license_id: str, json_data: ReasonInput) -> ResponseReturnValue:
    """End a suspension."""
    return _change_status(license_id, Action.REINSTATE, json_data.reason)


@blueprint.post("/<record:license_id>/revoke")
@access(role="issuer")
@blueprint.input(ReasonInput)
def revoke(license_id: str, json_data: ReasonInput) -> ResponseReturnValue:
    """Revoke for ever: servers are locked at their next check-in."""
    return _change_status(license_id, Action.REVOKE, json_data.reason)


@blueprint.post("/<record:license_id>/rekey")
@access(role="issuer")
@blueprint.input(ReasonInput)
def rekey(license_id: str, json_data: ReasonInput) -> ResponseReturnValue:
    """Replace the key. The answer has the new one: this once, and in the customer's mail."""
    with writing() as session:
        issued = service.rekey(session, license_id, reason=json_data.reason, act=by_caller())
        body = {**_detail(session, license_id), "license_key": issued.key.text}
    deliver_mails()
    return body, 200, {"Cache-Control": "no-store"}


@blueprint.post("/<record:license_id>/presigned")
@access(role="approver")
def presign(license_id: str) -> ResponseReturnValue:
    """Sign a reply that one air-gapped server can be started with."""
    return {"reply": sign_in_advance(license_id)}, 201, {"Cache-Control": "no-store"}


def _change_status(license_id: str, action: Action, reason: str) -> ResponseReturnValue:
    with writing() as session:
        service.change_status(session, license_id, action, reason=reason, act=by_caller())
        return _detail(session, license_id)


def _detail(session: Session, license_id: str) -> dict[str, object]:
    return representations.license_detail(session, get_license(session, license_id))
