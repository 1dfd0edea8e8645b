"""The public page for servers without a network: a request in, its reply out.

It does what the check-in call does and nothing more, so it needs neither a session nor a form
token: another site that sends a request here gets nothing that it could not have anyway.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from license_server.access import access
from license_server.answering import Exchange
from license_server.answering import answer as answer_request
from license_server.errors import CheckInRefusedError, LicenseServerError
from license_server.extensions import current
from license_server.presented import LARGEST_REQUEST_BYTES, presented_text
from license_server.refusals import to_problem
from license_token.armor import armor_license
from license_token.request import NONCE_LIFETIME_DAYS
from serverkit.http import counted_address
from serverkit.problems import Problem
from serverkit.qr import qr_code

blueprint = Blueprint("activate", __name__, url_prefix="/activate")

# Room for a photo, so that whoever gives one is told what is needed instead.
LARGEST_BODY_BYTES = 4 * 1024 * 1024
FILE_NAME = "sentari-license.txt"
_KIB = LARGEST_REQUEST_BYTES // 1024

_WORDS = {
    "malformed": ("This cannot be answered", ""),
    "bad_signature": (
        "The request does not prove where it comes from",
        "Take it from the server once more and carry it unchanged. If that server was set up anew, "
        "ask your Sentari representative to release its old activation.",
    ),
    "unknown_key": (
        "The license key of this request is not known",
        "Install the newest key that was mailed to you on the server, under Settings → License, "
        "and take a new request there.",
    ),
    "activation_limit": ("The license is in use on another server", ""),
    "approval_pending": (
        "The license is not released yet",
        "Give the same request again once your Sentari representative tells you that it is.",
    ),
    "rate_limited": ("Too many requests", "The same request may be given again then."),
    "unavailable": (
        "No reply can be signed now",
        "Nothing was changed. Try again in some minutes with the same request.",
    ),
}


@dataclass(frozen=True)
class Refusal:
    """What stood in the way, in this very case, and what to do about it."""

    title: str
    detail: str
    advice: str


@blueprint.get("")
@access(public=True)
def show() -> ResponseReturnValue:
    """Show the form."""
    return render_template("license_server/activate/index.html", refusal=None, text="")


@blueprint.post("")
@access(public=True, forgeable=True)
def answer() -> ResponseReturnValue:
    """Answer a request with a page, or with the license file alone."""
    request.max_content_length = LARGEST_BODY_BYTES
    try:
        exchange = answer_request(_given, counted_address())
    except LicenseServerError as error:
        return _refused(to_problem(error))
    except Problem as problem:
        return _refused(problem)
    armored = armor_license(exchange.reply)
    if request.form.get("as") == "file":
        return _file(armored)
    return _page(exchange, armored)


def _given() -> str:
    try:
        upload = request.files.get("request_file")
        raw = upload.stream.read(LARGEST_REQUEST_BYTES + 1) if upload else b""
        return presented_text(raw or request.form.get("request", "").encode("utf-8", "replace"))
    except RequestEntityTooLarge as error:
        detail = f"What was given is too large: a request has less than {_KIB} KiB."
        raise Problem(413, "malformed", "Check-in refused", detail) from error
    except BadRequest as error:
        raise CheckInRefusedError("malformed", str(error.description)) from error


def _refused(problem: Problem) -> ResponseReturnValue:
    title, advice = _WORDS.get(problem.code, (problem.title, ""))
    detail = problem.detail[:1].upper() + problem.detail[1:]
    refusal = Refusal(title, detail if detail.endswith(".") else f"{detail}.", advice)
    page = render_template(
        "license_server/activate/index.html", refusal=refusal, text=_pasted(problem)
    )
    return page, problem.status, problem.headers


def _pasted(problem: Problem) -> str:
    """Return what was pasted, to be corrected; nothing of a body that was not even read."""
    if problem.status in (413, 429):
        return ""
    return request.form.get("request", "")[:LARGEST_REQUEST_BYTES]


def _file(armored: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{FILE_NAME}"',
        "Cache-Control": "no-store",
    }
    return Response(armored, content_type="text/plain; charset=utf-8", headers=headers)


def _page(exchange: Exchange, armored: str) -> str:
    made_at = datetime.fromtimestamp(exchange.request.issued_at, UTC)
    install_by = made_at + timedelta(days=NONCE_LIFETIME_DAYS)
    return render_template(
        "license_server/activate/answered.html",
        exchange=exchange,
        armored=armored,
        qr=qr_code(exchange.reply),
        install_by=install_by,
        too_old=install_by <= current().clock.now(),
    )
