"""The check-in call of document 2: a signed request in, a signed reply out."""

from apiflask import APIBlueprint
from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from license_server.access import access
from license_server.answering import answer
from license_server.errors import CheckInRefusedError
from serverkit.http import counted_address, read_body
from serverkit.problems import Problem

blueprint = APIBlueprint("check_in", __name__, tag="Check-in")

LARGEST_BODY_BYTES = 16 * 1024
CONTENT_TYPE = "application/jwt"


@blueprint.post("/api/v1/check-in")
@access(public=True)
def check_in() -> ResponseReturnValue:
    """Answer a server's signed request with a signed reply."""
    exchange = answer(_body, counted_address())
    headers = {"Cache-Control": "no-store"}
    return Response(exchange.reply, content_type=CONTENT_TYPE, headers=headers)


def _body() -> str:
    if request.mimetype != CONTENT_TYPE:
        raise CheckInRefusedError("malformed", f"send the request as Content-Type: {CONTENT_TYPE}")
    try:
        return read_body(LARGEST_BODY_BYTES).decode("ascii")
    except RequestEntityTooLarge as error:
        detail = f"a request has at most {LARGEST_BODY_BYTES} bytes"
        raise Problem(413, "malformed", "Check-in refused", detail) from error
    except BadRequest as error:
        raise CheckInRefusedError("malformed", str(error.description)) from error
    except UnicodeDecodeError as error:
        raise CheckInRefusedError("malformed", "a request is ASCII text") from error
