"""The license in the API: always open, whatever its state."""

from collections.abc import Callable
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from license_token.errors import LicenseTokenError
from sentari.api.license_schemas import (
    ConnectionTestOut,
    LicenseKeyIn,
    LicenseOut,
    PublicLicenseOut,
)
from sentari.api.openapi import describe
from sentari.extensions import current, db
from sentari.licensing import service
from sentari.licensing.answer import CheckInError
from sentari.licensing.causes import NOT_REACHED, Cause, explain
from sentari.licensing.details import read_details
from sentari.licensing.examination import examine
from sentari.licensing.exchange import check_in
from sentari.licensing.refusals import LicensingRefusedError
from sentari.licensing.report import admin_report, public_report
from sentari.web.access import access
from sentari.web.gate import fresh_license_status
from serverkit.http import counted_address
from serverkit.problems import Problem, invalid

blueprint = APIBlueprint("license_api", __name__, url_prefix="/api/v1/license", tag="License")

STATUS_READS = "60/minute"
_NOT_APPLIED = {
    409: "Not possible now, or the vendor or the reply was heard and refused; `code` is the cause.",
    502: "The vendor was not reached; a new key is kept and tried again.",
    504: "The vendor did not answer in time; a new key is kept and tried again.",
}


@blueprint.get("")
@access(public=True, gate="open")
@describe(answers={200: PublicLicenseOut}, problems={429: "More than 60 a minute."})
def show() -> ResponseReturnValue:
    """Tell the license's state; admins also learn customer, limits, usage and identity."""
    current().rate_limiter.hit(STATUS_READS, "license", counted_address())
    if current_user.is_authenticated and current_user.is_admin:
        return _report()
    return public_report(fresh_license_status())


@blueprint.post("/activate")
@access(role="admin", gate="open")
@describe(
    body=LicenseKeyIn,
    answers={200: LicenseOut},
    problems={400: "Mistyped or malformed.", 422: "No license key.", **_NOT_APPLIED},
)
def activate() -> ResponseReturnValue:
    """Install a license key or a signed reply."""
    text = _license_key()
    return _tried(service.install, text, via="api")


@blueprint.post("/refresh")
@access(role="admin", gate="open")
@describe(answers={200: LicenseOut}, problems=_NOT_APPLIED)
def refresh() -> ResponseReturnValue:
    """Check in now."""
    return _tried(check_in)


@blueprint.get("/request")
@access(role="admin", gate="open")
@describe(answers={200: ("text/plain",)}, problems={409: "No key was given yet."})
def request_document() -> ResponseReturnValue:
    """Return the request for the license server, to be carried there by hand."""
    try:
        text = service.request_file(current().licensing)
    except LicensingRefusedError as error:
        raise problem_of(error) from error
    return Response(text, content_type="text/plain; charset=utf-8")


@blueprint.delete("")
@access(role="admin", gate="open")
@describe(answers={204: None}, problems={409: "No license is installed."})
def remove() -> ResponseReturnValue:
    """Remove the license; what it covered stays, and the server is read-only."""
    return _done(service.remove)


@blueprint.delete("/waiting-key")
@access(role="admin", gate="open")
@describe(answers={204: None}, problems={409: "No key waits for its activation."})
def discard_key() -> ResponseReturnValue:
    """Forget the key that waits for its activation; the license in force stays."""
    return _done(service.discard_waiting_key)


@blueprint.post("/connection-test")
@access(role="admin", gate="open")
@describe(answers={200: ConnectionTestOut}, problems={409: "It cannot be tested as things are."})
def connection_test() -> ResponseReturnValue:
    """Walk the way to the license server step by step, for up to 20 seconds; change nothing."""
    try:
        return examine(current().licensing).to_dict()
    except LicensingRefusedError as error:
        raise problem_of(error) from error


def problem_of(error: LicenseTokenError | CheckInError | LicensingRefusedError) -> Problem:
    """Return how the API tells why the license did not change."""
    if isinstance(error, LicenseTokenError):
        return Problem(400, error.code, "Neither a license key nor a reply", str(error))
    if isinstance(error, LicensingRefusedError):
        return Problem(409, error.code, "Not possible now", error.detail)
    words = explain(error.cause)
    status = 504 if error.cause is Cause.TIMEOUT else 502 if error.cause in NOT_REACHED else 409
    return Problem(status, error.cause.value, words.title, f"{error.detail} {words.advice}")


def _tried(action: Callable[..., None], *arguments: str, **options: str) -> dict[str, Any]:
    try:
        action(current().licensing, *arguments, actor=current_user.actor, **options)
    except (LicenseTokenError, CheckInError, LicensingRefusedError) as error:
        raise problem_of(error) from error
    return _report()


def _done(action: Callable[..., None]) -> ResponseReturnValue:
    try:
        action(current().licensing, actor=current_user.actor)
    except LicensingRefusedError as error:
        raise problem_of(error) from error
    return "", 204


def _report() -> dict[str, Any]:
    licensing = current().licensing
    status = fresh_license_status()
    return admin_report(status, read_details(db.session(), licensing, status))


def _license_key() -> str:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        detail = 'The body is not a JSON object, such as {"license_key": "SENT-..."}.'
        raise Problem(400, "malformed", "Malformed body", detail)
    text = body.get("license_key")
    if not isinstance(text, str) or not text.strip():
        raise invalid([{"pointer": "/license_key", "detail": "is a license key or a reply"}])
    return text.strip()
