"""The one hook in front of every endpoint: who asks, and may they. Deny by default."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, request

from license_server.extensions import current, db
from license_server.staff.models import Staff
from license_server.staff.roles import APPROVER, ROLES
from license_server.staff.service import authenticate, check_role
from serverkit.problems import Problem

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "license_server_role"
_PUBLIC = "public"


def access(*, role: str | None = None, public: bool = False) -> Callable[[View], View]:
    """Declare who may call the view: a member of staff with the role, or anybody."""
    if public == (role is not None) or (role is not None and role not in ROLES):
        raise ValueError("declare one of the roles, or public")

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, role or _PUBLIC)
        return view

    return declare


def register_access(app: Flask) -> None:
    """Ask before every request."""
    app.before_request(_check)


def declared_role(endpoint: str) -> str | None:
    """Return the role an endpoint needs, None when it is public."""
    view = current_app.view_functions[endpoint]
    role = cast(str, getattr(view, _ATTRIBUTE, APPROVER))
    return None if role == _PUBLIC else role


def caller() -> Staff:
    """Return the member of staff who sent this request."""
    return cast(Staff, g.staff)


def _check() -> None:
    if request.endpoint is None:
        return  # there is nothing here; the 404 or 405 follows
    needed = declared_role(request.endpoint)
    if needed is None:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer":
        found = authenticate(db.session(), token.strip(), current().clock.now())
    if found is None:
        raise Problem(
            401,
            "unauthorized",
            "Not signed in",
            "Send Authorization: Bearer with a staff token, made by: staff create-token.",
            headers={"WWW-Authenticate": 'Bearer realm="license server"'},
        )
    check_role(found, needed)
    g.staff = found
