"""Flask's and its extensions' own configuration, derived from the settings."""

from typing import Any

from sentari.config import Settings
from serverkit.database import engine_options
from serverkit.pages import page_config
from serverkit.secrets import derive_key

LARGEST_BODY_BYTES = 1024 * 1024


def flask_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration of the libraries underneath."""
    return {
        **page_config(
            signing_key=derive_key(settings.secret_key, "browser-session"),
            cookie_name="sentari_session",
            secure=settings.serves_tls or (settings.public_url or "").startswith("https://"),
        ),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "MAX_CONTENT_LENGTH": LARGEST_BODY_BYTES,
        "OPENAPI_VERSION": "3.1.0",
    }
