"""What agents enroll with, what they are recognized by, and when they enrolled.

Tokens are kept as hashes only, the CA's private key sealed.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sentari.extensions import db
from serverkit.database import UtcDateTime


class EnrollmentToken(db.Model):  # type: ignore[name-defined, misc]
    """A token that enrolls devices; `max_uses` NULL: as often as wanted."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(8))
    created_by: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    max_uses: Mapped[int | None]
    uses: Mapped[int] = mapped_column(default=0)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def state(self, now: datetime) -> str:
        """Return `active`, `revoked`, `expired` or `used_up`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and now >= self.expires_at:
            return "expired"
        if self.max_uses is not None and self.uses >= self.max_uses:
            return "used_up"
        return "active"


class DeviceCredential(db.Model):  # type: ignore[name-defined, misc]
    """A device token. `device_id` becomes NULL when the device is removed, so that its agent
    can be told so."""

    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int | None] = mapped_column(
        ForeignKey("device.id", ondelete="SET NULL"), index=True
    )
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Enrollment(db.Model):  # type: ignore[name-defined, misc]
    """A device enrolled at this moment; `token_id` NULL: with the static token."""

    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("enrollment_token.id"), index=True)
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeviceCertificate(db.Model):  # type: ignore[name-defined, misc]
    """A certificate that the internal CA made for a device; `device_id` as in DeviceCredential.

    A superseded one stays good until it ends, so that a lost answer strands no device.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int | None] = mapped_column(
        ForeignKey("device.id", ondelete="SET NULL"), index=True
    )
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    serial: Mapped[str] = mapped_column(String(40))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    not_after: Mapped[datetime] = mapped_column(UtcDateTime)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def state(self, now: datetime) -> str:
        """Return `active`, `superseded`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.not_after:
            return "expired"
        return "active" if self.superseded_at is None else "superseded"


class CertificateAuthority(db.Model):  # type: ignore[name-defined, misc]
    """The internal CA, one row: its certificate as PEM and its sealed private key."""

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    certificate: Mapped[str] = mapped_column(Text)
    sealed_private_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
