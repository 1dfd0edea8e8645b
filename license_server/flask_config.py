"""Flask's and its extensions' own configuration, derived from the settings."""

from typing import Any

from license_server.config import Settings
from serverkit.database import engine_options
from serverkit.pages import page_config
from serverkit.secrets import derive_key

LARGEST_BODY_BYTES = 64 * 1024


def flask_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration of the libraries underneath."""
    return {
        **page_config(
            signing_key=derive_key(settings.secret_key, "license-server/browser-session"),
            cookie_name="license_server_session",
            secure=settings.issuer_url.startswith("https://"),
        ),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "MAX_CONTENT_LENGTH": LARGEST_BODY_BYTES,
        "OPENAPI_VERSION": "3.1.0",
    }
