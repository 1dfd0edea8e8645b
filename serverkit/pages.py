"""What the pages of both servers need: cookies, form tokens, addresses, caches."""

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request, stream_with_context
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError

from serverkit.browsers import Browser
from serverkit.problems import Problem

_THIS_MACHINE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\Z")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def page_config(*, signing_key: bytes, cookie_name: str, secure: bool) -> dict[str, Any]:
    """Return the configuration of cookies, forms and static files."""
    return {
        "SECRET_KEY": signing_key.hex(),
        "MAX_FORM_PARTS": 100,
        "SESSION_COOKIE_NAME": cookie_name,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": secure,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=365),
        "WTF_CSRF_CHECK_DEFAULT": False,  # the access hook asks, after it knows who speaks
        "WTF_CSRF_TIME_LIMIT": None,  # the token lives as long as the session
    }


class HostCookies(SecureCookieSessionInterface):
    """Name the cookie `__Host-...` under TLS, so that nobody but this very host can set it.

    Without it a neighbor under the same domain, or who answers for this name without TLS, could
    plant a session of his own in somebody's browser.
    """

    def get_cookie_secure(self, app: Flask) -> bool:
        """Tell whether the cookie must not leave TLS: as configured, or as this request came."""
        return bool(app.config["SESSION_COOKIE_SECURE"]) or request.is_secure

    def get_cookie_name(self, app: Flask) -> str:
        """Return the one name under which a cookie is read and set."""
        name = super().get_cookie_name(app)
        # Browsers keep a Secure cookie of this machine without TLS, but none with the prefix.
        plain = not request.is_secure and _THIS_MACHINE.match(request.host)
        return f"__Host-{name}" if self.get_cookie_secure(app) and not plain else name


def register_page_answers(app: Flask) -> None:
    """Keep all answers but static files out of caches, and sessions in cookies of this host."""
    app.session_interface = HostCookies()
    app.after_request(_no_store)
    app.url_defaults(_version_static)


def _no_store(response: Response) -> Response:
    # Only whoever was asked for already: an answer must not need the database once more.
    user = g.get("_login_user")
    if response.mimetype == "text/html" or (user and user.is_authenticated):
        response.headers["Cache-Control"] = "no-store"
    elif request.endpoint != "static":
        # Tokens and certificates too; what is for everybody says itself how long it is good.
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _version_static(endpoint: str, values: dict[str, Any]) -> None:
    """Put the file's hash into its address, so that another file has another address."""
    if endpoint == "static" and "filename" in values:
        values["v"] = _static_hash(Path(current_app.static_folder or "") / values["filename"])


@cache
def _static_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return "none"


def check_form_token(csrf: CSRFProtect) -> None:
    """Raise the 400 for a change that does not carry the token of a form of this browser."""
    if request.method in SAFE_METHODS:
        return
    try:
        csrf.protect()
    except CSRFError as error:
        detail = "The form was open for too long or did not come from here. Reload it and repeat."
        raise Problem(400, "csrf", "The form has expired", detail) from error


def present_browser() -> Browser:
    """Return where this request comes from."""
    return Browser.of(request.remote_addr, request.headers.get("User-Agent"))


def safe_next(target: str | None, home: str) -> str:
    """Return a path on this server to go to after signing in; anything else is `home`."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return home
    parts = urlsplit(target)
    clean = not any(ord(character) < 0x20 for character in target)
    return target if clean and not parts.scheme and not parts.netloc else home


def download(pieces: Iterator[str] | Iterator[bytes], filename: str, content_type: str) -> Response:
    """Answer with a file that is sent while it is made."""
    response = Response(stream_with_context(pieces), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def asked_for() -> str | None:
    """Return the address to come back to after signing in; a form that was sent is not kept."""
    return request.full_path.rstrip("?") if request.method == "GET" else None
