"""Mails that are to be sent, or were."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from license_server.extensions import db
from serverkit.database import UtcDateTime

HELD, QUEUED, SENT, CANCELLED = "held", "queued", "sent", "cancelled"
_WAITING = f"('{HELD}', '{QUEUED}')"
_OVER = f"('{SENT}', '{CANCELLED}')"


class OutboxMail(db.Model):  # type: ignore[name-defined, misc]
    """One mail. Its text may hold a license key: sealed while it waits, erased afterwards."""

    __table_args__ = (
        CheckConstraint(
            f"(state IN {_WAITING} AND text_sealed IS NOT NULL)"
            f" OR (state IN {_OVER} AND text_sealed IS NULL)",
            name="state",
        ),
        Index("ix_outbox_mail_due", "state", "next_attempt_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    license_id: Mapped[str] = mapped_column(ForeignKey("license.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    text_sealed: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
