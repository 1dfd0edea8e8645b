"""Root public keys, and signing keys with their certificates."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from license_server.extensions import db
from license_token.certificate import MAX_LIFETIME_SECONDS
from serverkit.database import UtcDateTime


class RootKey(db.Model):  # type: ignore[name-defined, misc]
    """A root that servers pin, until it is retired; its private half is never here."""

    kid: Mapped[str] = mapped_column(String(43), primary_key=True)
    public_key: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SigningKey(db.Model):  # type: ignore[name-defined, misc]
    """A key that signs replies; `private_sealed` is erased when it has nothing left to sign.

    `public_key` is lower-case hex; `not_before` and `expires` are the certificate's.
    """

    __table_args__ = (
        CheckConstraint(
            f"expires > not_before AND expires - not_before <= {MAX_LIFETIME_SECONDS}",
            name="lifetime",
        ),
    )

    kid: Mapped[str] = mapped_column(String(43), primary_key=True)
    root_kid: Mapped[str] = mapped_column(ForeignKey("root_key.kid"))
    public_key: Mapped[str] = mapped_column(String(64), unique=True)
    private_sealed: Mapped[str | None] = mapped_column(Text)
    certificate: Mapped[str] = mapped_column(Text)
    not_before: Mapped[int] = mapped_column(BigInteger)
    expires: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
