"""Activations, the history of their check-ins, and what staff should look at."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from license_server.check_in_rules import MARKS
from license_server.extensions import db
from license_server.licenses.models import License
from serverkit.database import UtcDateTime

_MARKS = ", ".join(f"'{mark}'" for mark in MARKS)
# SQLite counts up by itself only a column that is declared INTEGER.
_BigId = BigInteger().with_variant(Integer, "sqlite")


class Activation(db.Model):  # type: ignore[name-defined, misc]
    """One server on one license, bound to its instance key; facts of its last check-in.

    The row outlives its release: `seq` must go on rising should the server come back.
    """

    __table_args__ = (
        UniqueConstraint("license_id", "instance_id"),
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("length(thumbprint) = 43", name="thumbprint"),
        CheckConstraint(
            "(released_at IS NULL) = (released_by IS NULL)"
            " AND (released_at IS NULL) = (release_reason IS NULL)",
            name="released",
        ),
        CheckConstraint("length(release_reason) >= 1", name="release_reason"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    license_id: Mapped[str] = mapped_column(ForeignKey("license.id"))
    instance_id: Mapped[str] = mapped_column(String(36), index=True)
    thumbprint: Mapped[str] = mapped_column(String(43))
    first_check_in_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_check_in_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    server_version: Mapped[str] = mapped_column(String(1024))
    devices: Mapped[int] = mapped_column(BigInteger)
    packages: Mapped[int] = mapped_column(BigInteger)
    audit_seq: Mapped[int] = mapped_column(BigInteger)
    audit_head: Mapped[str] = mapped_column(String(64))
    seq: Mapped[int] = mapped_column(BigInteger)
    last_issued_at: Mapped[int] = mapped_column(BigInteger)
    last_jti: Mapped[str] = mapped_column(String(86))
    last_but_one_jti: Mapped[str | None] = mapped_column(String(86))
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    released_by: Mapped[str | None] = mapped_column(String(320))
    release_reason: Mapped[str | None] = mapped_column(String(500))

    license: Mapped[License] = relationship()


class CheckIn(db.Model):  # type: ignore[name-defined, misc]
    """One answered request: all that its reply was made of, so that it can be made again."""

    __table_args__ = (
        UniqueConstraint("activation_id", "request_jti"),
        UniqueConstraint("activation_id", "seq", name="uq_check_in_seq"),
    )

    id: Mapped[int] = mapped_column(_BigId, primary_key=True)
    activation_id: Mapped[str] = mapped_column(ForeignKey("activation.id"))
    seq: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    request_jti: Mapped[str] = mapped_column(String(22))
    reply_jti: Mapped[str] = mapped_column(String(86))
    previous: Mapped[str | None] = mapped_column(String(86))
    thumbprint: Mapped[str] = mapped_column(String(43))
    status: Mapped[str] = mapped_column(String(16))
    terms_version_id: Mapped[int] = mapped_column(ForeignKey("terms_version.id"))
    license_key_id: Mapped[int] = mapped_column(ForeignKey("license_key.id"))
    signing_kid: Mapped[str] = mapped_column(ForeignKey("signing_key.kid"))
    server_version: Mapped[str] = mapped_column(String(1024))
    devices: Mapped[int] = mapped_column(BigInteger)
    packages: Mapped[int] = mapped_column(BigInteger)
    audit_seq: Mapped[int] = mapped_column(BigInteger)
    audit_head: Mapped[str] = mapped_column(String(64))
    marks: Mapped[str] = mapped_column(String(200))


class ActivationFlag(db.Model):  # type: ignore[name-defined, misc]
    """Something staff should look at, once per kind until it is resolved."""

    __table_args__ = (
        CheckConstraint(f"kind IN ({_MARKS})", name="kind"),
        Index(
            "uq_activation_flag_open",
            "activation_id",
            "kind",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    activation_id: Mapped[str] = mapped_column(ForeignKey("activation.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(Integer)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_by: Mapped[str | None] = mapped_column(String(320))
    resolution: Mapped[str | None] = mapped_column(String(500))

    activation: Mapped[Activation] = relationship()


class Restoration(db.Model):  # type: ignore[name-defined, misc]
    """A time at which the database came back from a backup, older than it had been."""

    id: Mapped[int] = mapped_column(primary_key=True)
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)
