"""What customers had a notice of. The constraints are what makes each happen once."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from license_server.extensions import db
from license_server.notices.rules import THRESHOLD_DAYS
from serverkit.database import UtcDateTime

_THRESHOLDS = ", ".join(map(str, THRESHOLD_DAYS))


class ExpiryNotice(db.Model):  # type: ignore[name-defined, misc]
    """A license's expiry on this date was announced so many days before."""

    __table_args__ = (
        UniqueConstraint("license_id", "expires_at", "days"),
        CheckConstraint(f"days IN ({_THRESHOLDS})", name="days"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    license_id: Mapped[str] = mapped_column(ForeignKey("license.id"))
    expires_at: Mapped[date] = mapped_column(Date)
    days: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SilenceNotice(db.Model):  # type: ignore[name-defined, misc]
    """The silence of a server since this check-in was announced."""

    __table_args__ = (UniqueConstraint("activation_id", "last_check_in_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    activation_id: Mapped[str] = mapped_column(String(36), ForeignKey("activation.id"))
    last_check_in_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
