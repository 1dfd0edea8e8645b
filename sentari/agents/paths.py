"""Agents never follow a redirect: take the two spellings of a path that they may send."""

from collections.abc import Callable, Iterable
from typing import Any

PREFIX = "/api/v1/agent/"
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def plain_path(path: str) -> str:
    """Return an agent's path with one slash before it and none after it; others as they are.

    A server URL that ends in a slash makes the agent ask for `//api/v1/agent/...`.
    """
    plain = "/" + path.strip("/")
    return plain if plain.startswith(PREFIX) else path


class AgentPaths:
    """WSGI middleware that puts `plain_path` before the app's routing."""

    def __init__(self, app: Wsgi) -> None:
        """Stand in front of `app`."""
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass the request on under its plain path."""
        environ["PATH_INFO"] = plain_path(environ.get("PATH_INFO", ""))
        return self._app(environ, start_response)
