"""Find out who asks: a browser's session or a program's API token."""

from dataclasses import dataclass

from flask import Request
from flask_login import UserMixin

from sentari.accounts.api_tokens import TOKEN_PREFIX, find_api_token
from sentari.accounts.service import sessions
from sentari.extensions import current, db, writing


@dataclass(frozen=True)
class Principal(UserMixin):  # type: ignore[misc]
    """Whoever is signed in; `session_token` is None for a program.

    Who `owes_password` signed in with a one-time password and may only choose one of their own.
    """

    name: str
    role: str
    actor: str
    user_id: int | None = None
    session_token: str | None = None
    owes_password: bool = False

    def get_id(self) -> str:
        """Return what the browser's signed cookie carries: the session, not the user."""
        return self.session_token or ""

    @property
    def email(self) -> str:
        """Return the name that pages show."""
        return self.name

    @property
    def is_admin(self) -> bool:
        """Tell whether everything is allowed."""
        return self.role == "admin" and not self.owes_password


def load_from_session(token: str) -> Principal | None:
    """Return the principal of a live session."""
    now = current().clock.now()
    found = sessions.find(db.session(), token, now)
    if found is None or found.user.disabled_at is not None:
        return None
    user = found.user
    if user.one_time_over(now):
        return None
    owes = user.one_time_until is not None
    principal = Principal(user.email, user.role, user.actor, user.id, token, owes)
    sessions.note_use(writing, found, now)
    return principal


def load_from_request(request: Request) -> Principal | None:
    """Return the principal of an API token in the Authorization header."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(TOKEN_PREFIX):
        return None
    found = find_api_token(db.session(), token.strip())
    if found is None or not found.live(current().clock.now()):
        return None
    return Principal(found.name, found.role, f"token:{found.name}")
