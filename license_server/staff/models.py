"""Staff, their tokens, sessions and sign-ins. Secrets are kept as hashes, or sealed."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from license_server.extensions import db
from license_server.staff.roles import ROLES
from serverkit.database import UtcDateTime
from serverkit.sessions import SessionMixin

_ROLES = ", ".join(f"'{role}'" for role in ROLES)


class Staff(db.Model):  # type: ignore[name-defined, misc]
    """A person at the vendor; `email` is kept in lower case.

    `totp_last_step` is the time step of the last code that was taken: none works twice.
    """

    __table_args__ = (
        CheckConstraint(f"role IN ({_ROLES})", name="role"),
        CheckConstraint("email = lower(email)", name="email"),
        CheckConstraint("(totp_sealed IS NULL) = (totp_last_step IS NULL)", name="totp"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    password_temporary: Mapped[bool] = mapped_column(default=False)
    totp_sealed: Mapped[str | None] = mapped_column(String(255))
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def actor(self) -> str:
        """Return the name the audit log knows the person by."""
        return f"staff:{self.email}"


class StaffSession(SessionMixin, db.Model):  # type: ignore[name-defined, misc]
    """One browser that has shown password and code."""

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)

    staff: Mapped[Staff] = relationship(lazy="joined", innerjoin=True)


class StaffSignIn(db.Model):  # type: ignore[name-defined, misc]
    """A browser that has shown the password and owes the code. It grants nothing.

    `totp_sealed` is the secret that is offered to a person who has none yet.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    totp_sealed: Mapped[str | None] = mapped_column(String(255))

    staff: Mapped[Staff] = relationship(lazy="joined", innerjoin=True)


class StaffToken(db.Model):  # type: ignore[name-defined, misc]
    """A key to the machine interface; `hint` is its last five characters."""

    __table_args__ = (CheckConstraint("length(token_hash) = 64", name="token_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    staff: Mapped[Staff] = relationship(lazy="joined", innerjoin=True)

    def live(self, now: datetime) -> bool:
        """Tell whether the token may be used at `now`."""
        if self.revoked_at is not None or self.staff.disabled_at is not None:
            return False
        return self.expires_at is None or now < self.expires_at
