"""The one hook in front of every endpoint: who asks, may they, is it licensed, is it forged.

Deny by default: an endpoint that declares nothing is for signed-in viewers to read and for
admins to change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from sentari.accounts.sessions import Principal
from sentari.extensions import csrf
from serverkit.pages import SAFE_METHODS, asked_for, check_form_token
from serverkit.problems import Problem, wants_json

View = TypeVar("View", bound=Callable[..., Any])
Enforce = Callable[[str], None]

GATE_CLASSES = ("open", "read", "write", "ingest")
_ATTRIBUTE = "sentari_access"
CHOOSE_PASSWORD = "account.choose_password"  # noqa: S105 - the name of an endpoint
_WITH_A_ONE_TIME_PASSWORD = frozenset({CHOOSE_PASSWORD, "account.logout"})


@dataclass(frozen=True)
class Access:
    """What one endpoint asks for; None means: by the method."""

    role: str | None = None
    public: bool = False
    agent: bool = False
    gate: str | None = None
    identify: Callable[[], object] | None = None

    def gate_class(self, method: str) -> str:
        """Return the endpoint's one gate class for the method."""
        return self.gate or ("read" if method in SAFE_METHODS else "write")

    def needed_role(self, method: str) -> str:
        """Return the role that the method needs."""
        return self.role or ("viewer" if method in SAFE_METHODS else "admin")


def access(
    *,
    role: str | None = None,
    public: bool = False,
    agent: bool = False,
    gate: str | None = None,
    identify: Callable[[], object] | None = None,
) -> Callable[[View], View]:
    """Declare who may call the view and its gate class.

    `public` asks for nobody, `agent` leaves the identity to the agents' own check: `identify`
    is asked before the license; without it the view checks who speaks, after the license.
    """
    if gate is not None and gate not in GATE_CLASSES:
        raise ValueError(f"{gate} is not a gate class")

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, Access(role, public, agent, gate, identify))
        return view

    return declare


def access_of(app: Flask, endpoint: str) -> Access:
    """Return what the endpoint declared, or the strict default."""
    declared = getattr(app.view_functions.get(endpoint), _ATTRIBUTE, None)
    if declared is None and (endpoint == "static" or endpoint.startswith("openapi.")):
        return Access(public=True, gate="open")
    return declared or Access()


def register_access(app: Flask, enforce: Enforce) -> None:
    """Put the hook in front of the app; `enforce` raises for a closed gate class."""

    def guard() -> ResponseReturnValue | None:
        if request.endpoint is None:
            return None  # Nothing is there: 404 or 405, in every license state.
        asked = access_of(current_app, request.endpoint)
        if not (asked.public or asked.agent):
            answer = _authenticate(asked)
            if answer is not None:
                return answer
        if asked.identify is not None:
            asked.identify()
        enforce(asked.gate_class(request.method))
        if not asked.agent:
            _refuse_forged()
        return None

    app.before_request(guard)


def _authenticate(asked: Access) -> ResponseReturnValue | None:
    user: Principal = current_user
    if not user.is_authenticated:
        if wants_json():
            detail = "Sign in, or send an API token: Authorization: Bearer stri_..."
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "unauthenticated", "Not signed in", detail, headers=headers)
        return redirect(url_for("account.login", next=asked_for()))
    if user.owes_password and request.endpoint not in _WITH_A_ONE_TIME_PASSWORD:
        if wants_json():
            detail = "Sign in and choose a password of your own first."
            raise Problem(403, "password_change_required", "Not yet", detail)
        return redirect(url_for(CHOOSE_PASSWORD, next=asked_for()))
    if asked.needed_role(request.method) == "admin" and not user.is_admin:
        raise Problem(403, "forbidden", "Not allowed", "Only an admin may do this.")
    return None


def _refuse_forged() -> None:
    """Ask for the form token wherever a browser's cookie is what speaks for the user."""
    if request.method in SAFE_METHODS:
        return
    by_token = current_user.is_authenticated and current_user.session_token is None
    if not by_token:
        check_form_token(csrf)
