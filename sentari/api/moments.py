"""Write the API's times as its document says: RFC 3339, not as HTTP headers do."""

from datetime import UTC, datetime
from typing import Any

from apiflask import APIFlask
from flask.json.provider import DefaultJSONProvider


class RfcMoments(DefaultJSONProvider):
    """Flask's JSON with another form of times."""

    def dumps(self, obj: Any, **options: Any) -> str:
        """Return the text."""
        options.setdefault("default", _plain)
        return super().dumps(obj, **options)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return DefaultJSONProvider.default(value)


def register_moments(app: APIFlask) -> None:
    """Have every JSON answer of the app written that way."""
    app.json = RfcMoments(app)
