"""Turn what the server refuses into problem documents (RFC 9457)."""

import logging
from typing import Any

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, request
from flask.json.provider import DefaultJSONProvider

from license_server.errors import (
    CheckInRefusedError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    LicenseServerError,
    NotFoundError,
    UnavailableError,
)
from license_token.encoding import decode_object
from license_token.errors import LicenseTokenError
from serverkit.problems import Answer, Problem, invalid, problem_response, wants_json

log = logging.getLogger(__name__)

_STATUSES: dict[type[LicenseServerError], tuple[int, str]] = {
    NotFoundError: (404, "Not found"),
    ConflictError: (409, "Not possible now"),
    ForbiddenError: (403, "Not allowed"),
    UnavailableError: (503, "Unavailable"),
}
CHECK_IN_STATUSES = {
    "malformed": 400,
    "bad_signature": 401,
    "unknown_key": 404,
    "activation_limit": 409,
    "approval_pending": 409,
    "rate_limited": 429,
}


class StrictJSON(DefaultJSONProvider):
    """Read bodies as strictly as the signed documents: one object, no name twice, no NaN."""

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        """Return the object, or raise the 400."""
        try:
            return decode_object(s.encode() if isinstance(s, str) else s, "The body")
        except LicenseTokenError as error:
            raise Problem(400, "malformed", "The body is malformed", str(error)) from error


def register_refusals(app: APIFlask, answer: Answer) -> None:
    """Answer the app's own errors, and those of the input's validation."""

    def from_domain(error: LicenseServerError) -> Response:
        return answer(to_problem(error))

    app.json = StrictJSON(app)
    app.register_error_handler(LicenseServerError, from_domain)
    app.register_error_handler(HTTPError, _from_validation)
    app.before_request(_check_content_type)


def to_problem(error: LicenseServerError) -> Problem:
    """Return the refusal as a problem."""
    if isinstance(error, InvalidError):
        return invalid(
            [{"pointer": _pointer(v.field), "detail": v.detail} for v in error.violations]
        )
    if isinstance(error, CheckInRefusedError):
        wait = error.retry_after_seconds
        headers = {} if wait is None else {"Retry-After": str(wait)}
        status = CHECK_IN_STATUSES[error.code]
        return Problem(status, error.code, "Check-in refused", error.detail, headers=headers)
    status, title = _STATUSES.get(type(error), (409, "Not possible"))
    headers = {"Retry-After": "60"} if status == 503 else {}
    return Problem(status, error.code, title, error.detail, headers=headers)


def _pointer(field: str) -> str:
    return f"/{field.replace('~', '~0').replace('/', '~1')}" if field else ""


def _from_validation(error: HTTPError) -> Response:
    found = [
        {"pointer": _pointer("" if field == "_schema" else field), "detail": detail}
        for location in dict(error.detail).values()
        for field, details in location.items()
        for detail in details
    ]
    return problem_response(invalid(found))


def _check_content_type() -> None:
    if not wants_json():
        return
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    if has_body and not request.is_json and request.endpoint != "check_in.check_in":
        detail = "Send the body as application/json."
        raise Problem(415, "unsupported_media_type", "Unsupported media type", detail)
