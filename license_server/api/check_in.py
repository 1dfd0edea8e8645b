"""The check-in call of document 2: a signed request in, a signed reply out."""

import logging
import time

from apiflask import APIBlueprint
from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from license_server import metrics
from license_server.access import access
from license_server.activations import service
from license_server.activations.replies import Answered
from license_server.activations.service import Desk
from license_server.errors import CheckInRefusedError, LicenseServerError
from license_server.extensions import current, db, writing
from license_token.errors import BadSignatureError, LicenseTokenError
from license_token.request import RequestClaims, read_request
from serverkit.http import read_body
from serverkit.problems import Problem

log = logging.getLogger(__name__)

blueprint = APIBlueprint("check_in", __name__, tag="Check-in")

LARGEST_BODY_BYTES = 16 * 1024
PER_ADDRESS = "100/minute"
CONTENT_TYPE = "application/jwt"


@blueprint.post("/api/v1/check-in")
@access(public=True)
def check_in() -> ResponseReturnValue:
    """Answer a server's signed request with a signed reply."""
    started = time.perf_counter()
    try:
        reply = _answer()
    except (LicenseServerError, Problem) as error:
        metrics.count_check_in(error.code, time.perf_counter() - started)
        log.info("check-in refused", extra={"code": error.code, "detail": error.detail})
        raise
    metrics.count_check_in("ok", time.perf_counter() - started)
    return Response(reply, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _answer() -> str:
    server = current()
    server.rate_limiter.hit(PER_ADDRESS, "check-in", request.remote_addr or "")
    claims = _claims(server.settings.issuer_url)
    now = server.clock.now()
    signer = server.keyring.current(db.session(), int(now.timestamp()))
    desk = Desk(now, signer, server.settings.issuer_url)
    with writing() as session:
        answered = service.check_in(session, claims, desk)
    return _sign(answered, desk)


def _claims(issuer_url: str) -> RequestClaims:
    try:
        claims = read_request(_body()).claims
    except BadSignatureError as error:
        raise CheckInRefusedError("bad_signature", str(error)) from error
    except LicenseTokenError as error:
        raise CheckInRefusedError("malformed", str(error)) from error
    if claims.audience != issuer_url:
        detail = f"the request was made for another license server; this one is {issuer_url}"
        raise CheckInRefusedError("malformed", detail)
    return claims


def _body() -> str:
    if request.mimetype != CONTENT_TYPE:
        raise CheckInRefusedError("malformed", f"send the request as Content-Type: {CONTENT_TYPE}")
    try:
        return read_body(LARGEST_BODY_BYTES).decode("ascii")
    except RequestEntityTooLarge as error:
        detail = f"a request has at most {LARGEST_BODY_BYTES} bytes"
        raise Problem(413, "malformed", "Check-in refused", detail) from error
    except UnicodeDecodeError as error:
        raise CheckInRefusedError("malformed", "a request is ASCII text") from error


def _sign(answered: Answered, desk: Desk) -> str:
    signer = desk.signer
    if answered.signing_kid != signer.kid:
        kept = current().keyring.get(db.session(), answered.signing_kid)
        if kept is None:
            detail = (
                f"this request was answered on {answered.received_on}, too long ago to be "
                "answered again; make a new one"
            )
            raise CheckInRefusedError("malformed", detail)
        signer = kept
    return signer.sign(answered.claims)
