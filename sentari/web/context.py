"""What every template is given."""

from typing import Any

from flask import Flask, Response
from flask_login import current_user

from sentari.extensions import current
from sentari.version import VERSION


def register_context(app: Flask) -> None:
    """Give the templates the version and the banners, and keep private pages out of caches."""
    app.context_processor(_context)
    app.after_request(_no_store)


def _context() -> dict[str, Any]:
    insecure = not current().settings.mtls_required
    return {"server_version": VERSION, "debug_banner": insecure}


def _no_store(response: Response) -> Response:
    if response.mimetype == "text/html" or current_user.is_authenticated:
        response.headers["Cache-Control"] = "no-store"
    return response
