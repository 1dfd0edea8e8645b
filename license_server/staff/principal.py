"""Who is behind a request: a signed-in person, or a person's token. PURE."""

from dataclasses import dataclass

from license_server.staff.roles import includes


@dataclass(frozen=True)
class Principal:
    """A member of staff as this request knows them.

    `session_token` is None when a token of the machine interface speaks. A person whose password
    is temporary may do nothing but change it.
    """

    staff_id: int
    email: str
    role: str
    actor: str
    session_token: str | None = None
    password_temporary: bool = False

    # What flask-login asks of whoever is signed in.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return what the browser's signed cookie carries: the session, not the person."""
        return self.session_token or ""

    def may(self, role: str) -> bool:
        """Tell whether the person's role includes another."""
        return includes(self.role, role)
