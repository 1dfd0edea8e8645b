"""What every template is given."""

from typing import Any

from flask import Flask

from sentari.extensions import current
from sentari.version import VERSION


def register_context(app: Flask) -> None:
    """Give the templates the version and the banners."""
    app.context_processor(_context)


def _context() -> dict[str, Any]:
    insecure = not current().settings.mtls_required
    return {"server_version": VERSION, "debug_banner": insecure}
