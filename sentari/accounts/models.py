"""Users, their sessions, and API tokens. Secrets are kept as hashes only."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sentari.extensions import db
from serverkit.database import UtcDateTime
from serverkit.sessions import SessionMixin

ROLES = ("viewer", "admin")
_ROLE_CHECK = "role IN ('viewer', 'admin')"


class User(db.Model):  # type: ignore[name-defined, misc]
    """A person; `email` is kept in lower case.

    `one_time_until`: the password was made by somebody else. It opens nothing but the choice of
    one's own, and that until then only.
    """

    __table_args__ = (CheckConstraint(_ROLE_CHECK, name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    one_time_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def state(self) -> str:
        """Return active, invited (owes a password of their own) or disabled."""
        if self.disabled_at is not None:
            return "disabled"
        return "active" if self.one_time_until is None else "invited"

    def one_time_over(self, now: datetime) -> bool:
        """Tell whether a one-time password that was never used is good for nothing any more."""
        return self.one_time_until is not None and now >= self.one_time_until

    @property
    def actor(self) -> str:
        """Return the name the audit log knows the person by."""
        return f"user:{self.email}"


class UserSession(SessionMixin, db.Model):  # type: ignore[name-defined, misc]
    """One signed-in browser."""

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class ApiToken(db.Model):  # type: ignore[name-defined, misc]
    """A program's key to the API; `hint` is its last five characters."""

    __table_args__ = (CheckConstraint(_ROLE_CHECK, name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(8))
    role: Mapped[str] = mapped_column(String(16))
    created_by: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def state(self, now: datetime) -> str:
        """Return `active`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at is None or now < self.expires_at else "expired"

    def live(self, now: datetime) -> bool:
        """Tell whether the token may be used at `now`."""
        return self.state(now) == "active"
