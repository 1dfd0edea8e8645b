"""The customer's record."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from license_server.extensions import db
from serverkit.database import UtcDateTime


class Customer(db.Model):  # type: ignore[name-defined, misc]
    """A company or person who buys licenses; mails about them go to `email`."""

    __table_args__ = (
        CheckConstraint("length(name) >= 1", name="name"),
        CheckConstraint("email LIKE '_%@%_'", name="email"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), index=True)
    email: Mapped[str] = mapped_column(String(254))
    notes: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(320))
