"""Flask's and its extensions' own configuration, derived from the settings."""

from datetime import timedelta
from typing import Any

from sentari.config import Settings
from serverkit.database import engine_options
from serverkit.secrets import derive_key

LARGEST_BODY_BYTES = 1024 * 1024


def flask_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration of the libraries underneath."""
    secure = settings.tls_cert is not None or (settings.public_url or "").startswith("https://")
    return {
        "SECRET_KEY": derive_key(settings.secret_key, "browser-session").hex(),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "MAX_CONTENT_LENGTH": LARGEST_BODY_BYTES,
        "MAX_FORM_PARTS": 100,
        "SESSION_COOKIE_NAME": "sentari_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": secure,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=365),
        "WTF_CSRF_CHECK_DEFAULT": False,  # the access hook asks, after the license gate
        "WTF_CSRF_TIME_LIMIT": None,  # the token lives as long as the session
        "OPENAPI_VERSION": "3.1.0",
    }
