"""The license's tables. What the vendor signed is kept as signed; nothing derived is kept.

All but the requests, the keys, the leases and the tallies are single rows with id 1.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, Float, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sentari.extensions import db
from serverkit.database import UtcDateTime

ROW = 1


class Instance(db.Model):  # type: ignore[name-defined, misc]
    """Who this server is to the vendor; made once and never derived from hardware.

    `environment_digest` is of the value of SENTARI_LICENSE_KEY that was applied last.
    """

    __tablename__ = "license_instance"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    instance_id: Mapped[str] = mapped_column(String(36))
    public_key: Mapped[str] = mapped_column(String(64))
    sealed_private_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    environment_digest: Mapped[str | None] = mapped_column(String(64))


class InstalledLicense(db.Model):  # type: ignore[name-defined, misc]
    """The signed reply in force, and one column per claim, so that reports in SQL can use them.

    The columns decide nothing: they are compared with the claims, and a difference is tampering.
    """

    __tablename__ = "installed_license"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    reply: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    license_id: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    jti: Mapped[str] = mapped_column(Text)
    nonce: Mapped[str | None] = mapped_column(Text)
    seq: Mapped[int] = mapped_column(BigInteger)
    confirmation: Mapped[str | None] = mapped_column(Text)
    audit_seq: Mapped[int | None] = mapped_column(BigInteger)
    audit_head: Mapped[str | None] = mapped_column(Text)
    key_hint: Mapped[str] = mapped_column(Text)
    customer_name: Mapped[str] = mapped_column(Text)
    customer_email: Mapped[str] = mapped_column(Text)
    tier: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[date] = mapped_column(Date)
    max_devices: Mapped[int | None] = mapped_column(BigInteger)
    max_packages: Mapped[int | None] = mapped_column(BigInteger)
    grace_period_days: Mapped[int] = mapped_column(BigInteger)
    read_only_period_days: Mapped[int] = mapped_column(BigInteger)
    max_offline_days: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text)


class StoredKey(db.Model):  # type: ignore[name-defined, misc]
    """A license key, sealed: `current` belongs to the license in force, `pending` waits for one.

    `cause` and `detail` tell why a pending key still waits.
    """

    __tablename__ = "license_key"

    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    sealed_key: Mapped[str] = mapped_column(Text)
    key_hash: Mapped[str] = mapped_column(String(64))
    hint: Mapped[str] = mapped_column(String(5))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cause: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(Text)


class StoredRequest(db.Model):  # type: ignore[name-defined, misc]
    """An unanswered request, kept byte for byte: at most one for each key."""

    __tablename__ = "license_request"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), unique=True)
    document: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CheckInRecord(db.Model):  # type: ignore[name-defined, misc]
    """How the last check-in went; `cause` and `detail` are None after a success.

    `next_at` is when the server asks again by itself: at once when it is None.
    """

    __tablename__ = "license_check_in"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    attempted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    succeeded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cause: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    retry_after_seconds: Mapped[int | None] = mapped_column(Integer)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ClockRow(db.Model):  # type: ignore[name-defined, misc]
    """The latest time that is known to have come, and what was noticed of the clock.

    `state` is JSON; `mac` is over its text, under a key that the database does not hold.
    """

    __tablename__ = "license_clock"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(Text)
    mac: Mapped[str] = mapped_column(String(64))


class Lease(db.Model):  # type: ignore[name-defined, misc]
    """Who may do what only one process may do at a time, and until when."""

    __tablename__ = "license_lease"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    holder: Mapped[str | None] = mapped_column(String(100))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CheckInTally(db.Model):  # type: ignore[name-defined, misc]
    """How many check-ins ended in one way within one span of time; kept when a license goes.

    `cause` is `none` after a success, `bound` the span's upper end in seconds as metrics write
    it; `seconds` is what all of them took together.
    """

    __tablename__ = "license_check_in_tally"

    result: Mapped[str] = mapped_column(String(16), primary_key=True)
    cause: Mapped[str] = mapped_column(String(32), primary_key=True)
    bound: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)
