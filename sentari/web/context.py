"""What every template is given."""

import hashlib
from functools import cache
from typing import Any

from flask import Flask, Response, g

from sentari.config import CHECKOUT
from sentari.extensions import current
from sentari.version import VERSION


def register_context(app: Flask) -> None:
    """Give the templates the version and the banners, and keep private pages out of caches."""
    app.context_processor(_context)
    app.after_request(_no_store)
    app.url_defaults(_version_static)


def _context() -> dict[str, Any]:
    insecure = not current().settings.mtls_required
    return {"server_version": VERSION, "debug_banner": insecure}


def _no_store(response: Response) -> Response:
    # Only whoever was asked for already: an answer must not need the database once more.
    user = g.get("_login_user")
    if response.mimetype == "text/html" or (user and user.is_authenticated):
        response.headers["Cache-Control"] = "no-store"
    return response


def _version_static(endpoint: str, values: dict[str, Any]) -> None:
    """Put the file's hash into its address, so that browsers may keep it for good."""
    if endpoint == "static" and "filename" in values:
        values["v"] = _static_hash(values["filename"])


@cache
def _static_hash(filename: str) -> str:
    try:
        return hashlib.sha256((CHECKOUT / "static" / filename).read_bytes()).hexdigest()[:12]
    except OSError:
        return VERSION
