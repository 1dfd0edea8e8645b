"""Refusals as RFC 9457 problem details under /api/, and as a helpful page elsewhere."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, json, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from serverkit.database_faults import RETRY_AFTER_SECONDS, Fault, fault_of, first_line

log = logging.getLogger(__name__)

Page = Callable[["Problem"], str]


class Problem(Exception):  # noqa: N818 - RFC 9457's own word for it
    """A refusal that the client is told in full: status, code, title, detail, members."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """Describe the refusal; `code` is what programs compare, `detail` what people do."""
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.headers = dict(headers or {})
        self.members = members

    def body(self) -> dict[str, Any]:
        """Return the members of the problem document."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }


def invalid(errors: list[dict[str, str]]) -> Problem:
    """Return the 422 for a body whose structure is wrong; errors are {pointer, detail}."""
    first = errors[0]
    detail = f"{first['pointer'] or 'The document'}: {first['detail']}"
    return Problem(422, "invalid", "The request is not valid", detail, errors=errors)


def problem_response(problem: Problem) -> Response:
    """Return the problem as application/problem+json."""
    document = problem.body() | {"request_id": g.get("request_id")}
    body = json.dumps(document)
    response = Response(body, problem.status, content_type="application/problem+json")
    response.headers.update(problem.headers)
    return response


def wants_json() -> bool:
    """Tell whether the request is a program's: by its path, as a client cannot get it wrong."""
    return request.path.startswith(("/api/", "/.well-known/"))


Answer = Callable[[Problem], Response]


def register_problems(app: Flask, page: Page) -> Answer:
    """Answer every error of the app in one place, and return what answers a problem."""

    def answer(problem: Problem) -> Response:
        if wants_json():
            return problem_response(problem)
        try:
            body = page(problem)
        except Exception:
            # The page may need what is just broken (the database); the document needs nothing.
            log.exception("the error page cannot be rendered")
            return problem_response(problem)
        response = Response(body, problem.status, content_type="text/html; charset=utf-8")
        response.headers.update(problem.headers)
        return response

    def from_http(error: HTTPException) -> Response:
        if error.response is not None or (error.code or 500) < 400:
            return error.get_response()  # type: ignore[return-value]
        return answer(_from_http(error))

    def from_database(error: SQLAlchemyError) -> Response:
        fault = fault_of(error)
        if fault is None:
            return from_bug(error)
        # One line: while a database is away, every request ends here.
        log.error("%s (%s)", fault.detail, first_line(error))
        return answer(_unavailable(fault))

    def from_bug(error: Exception) -> Response:
        log.error("unhandled error", exc_info=error)
        detail = f"An internal error was logged under the id {g.get('request_id')}."
        return answer(Problem(500, "internal_error", "Internal error", detail))

    app.register_error_handler(Problem, answer)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(SQLAlchemyError, from_database)
    app.register_error_handler(Exception, from_bug)
    return answer


def _unavailable(fault: Fault) -> Problem:
    detail = f"{fault.detail} {fault.outcome} Try again shortly."
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, fault.code, "Unavailable", detail, headers=headers)


def _from_http(error: HTTPException) -> Problem:
    status = error.code or 500
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    headers = {k: v for k, v in error.get_headers() if k in ("Allow", "Retry-After")}
    code = title.lower().replace(" ", "_").replace("-", "_")
    detail = _DETAILS.get(status, error.description or title)
    return Problem(status, code, title, detail, headers=headers)


# What programs compare must not depend on the Python underneath: 3.13 renamed these phrases.
_TITLES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The body is larger than this address takes.",
}
