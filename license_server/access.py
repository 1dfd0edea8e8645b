"""The one hook in front of every endpoint: who asks, may they, is it forged. Deny by default.

Two doors that do not lead to each other: programs show a token under /api/, where cookies are not
looked at; people sign in and get a session, which opens pages only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from license_server.extensions import csrf, current, db, writing
from license_server.staff.models import Staff
from license_server.staff.principal import Principal
from license_server.staff.roles import APPROVER, ROLES
from license_server.staff.service import check_role, sessions
from license_server.staff.tokens import authenticate
from serverkit.pages import asked_for, check_form_token
from serverkit.problems import Problem, wants_json

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "license_server_access"
CHANGE_PASSWORD = "account.password"  # noqa: S105 - the name of an endpoint
WITH_A_TEMPORARY_PASSWORD = frozenset({CHANGE_PASSWORD, "login.logout"})


@dataclass(frozen=True)
class Access:
    """What an endpoint asks for: a role, or nobody in particular.

    A `forgeable` page takes what other sites may send as well, because it does nothing with it
    that a stranger could not do.
    """

    role: str | None = APPROVER
    forgeable: bool = False


def access(
    *, role: str | None = None, public: bool = False, forgeable: bool = False
) -> Callable[[View], View]:
    """Declare who may call the view: a member of staff with the role, or anybody."""
    if public == (role is not None) or (role is not None and role not in ROLES):
        raise ValueError("declare one of the roles, or public")
    if forgeable and not public:
        raise ValueError("what needs a role must not be forgeable")

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, Access(role, forgeable))
        return view

    return declare


def register_access(app: Flask) -> None:
    """Ask before every request."""
    # Both views are the libraries' own: files for everybody, and a description that is no secret.
    for endpoint in ("static", "openapi.spec"):
        access(public=True)(app.view_functions[endpoint])
    app.before_request(_check)


def declared_access(endpoint: str) -> Access:
    """Return what the endpoint asks for; what declares nothing is for approvers."""
    declared: Access = getattr(current_app.view_functions[endpoint], _ATTRIBUTE, Access())
    return declared


def caller() -> Principal:
    """Return who sent this request, once the hook has let it through."""
    principal: Principal = g.principal
    return principal


def load_from_session(token: str) -> Principal | None:
    """Return the person of a live session."""
    now = current().clock.now()
    found = sessions.find(db.session(), token, now)
    if found is None or found.staff.disabled_at is not None:
        return None
    principal = _principal(found.staff, token)
    sessions.note_use(writing, found, now)
    return principal


def _principal(person: Staff, session_token: str | None = None) -> Principal:
    return Principal(
        person.id,
        person.email,
        person.role,
        person.actor,
        session_token,
        person.password_temporary,
    )


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # there is nothing here; the 404 or 405 follows
    asked = declared_access(request.endpoint)
    if wants_json():
        _check_program(asked)
        return None
    if asked.role is not None:
        answer = _check_person(asked.role)
        if answer is not None:
            return answer
    if not asked.forgeable:
        check_form_token(csrf)
    return None


def _check_program(asked: Access) -> None:
    if asked.role is None:
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
    check_role(found.role, asked.role, who=found.email)
    g.principal = _principal(found)


def _check_person(role: str) -> ResponseReturnValue | None:
    if not current_user.is_authenticated:
        return redirect(url_for("login.login", next=asked_for()))
    person: Principal = current_user._get_current_object()
    if person.password_temporary and request.endpoint not in WITH_A_TEMPORARY_PASSWORD:
        return redirect(url_for(CHANGE_PASSWORD, next=asked_for()))
    check_role(person.role, role, who=person.email)
    g.principal = person
    return None
