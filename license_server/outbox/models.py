"""Mails that are to be sent, or were."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from license_server.extensions import db
from license_server.licenses.models import License
from serverkit.database import UtcDateTime

HELD, QUEUED, FAILED, SENT, CANCELLED = STATES = (
    "held",
    "queued",
    "failed",
    "sent",
    "cancelled",
)
WAITING = (HELD, QUEUED, FAILED)

KEY_MAIL, EXPIRY_NOTICE, SILENCE_NOTICE = KINDS = (
    "license_key",
    "expiry_notice",
    "silence_notice",
)
NOTICES = (EXPIRY_NOTICE, SILENCE_NOTICE)


def _list(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


class OutboxMail(db.Model):  # type: ignore[name-defined, misc]
    """One mail. A license key in it is sealed while it waits and erased afterwards.

    A mail from before there were HTML parts has none.
    """

    __table_args__ = (
        CheckConstraint(f"kind IN ({_list(KINDS)})", name="kind"),
        CheckConstraint(f"state IN ({_list(STATES)})", name="state"),
        CheckConstraint(
            f"CASE WHEN kind = '{KEY_MAIL}' AND state NOT IN ({_list(WAITING)})"
            " THEN text_sealed IS NULL AND html_sealed IS NULL"
            " ELSE text_sealed IS NOT NULL END",
            name="content",
        ),
        Index("ix_outbox_mail_due", "state", "next_attempt_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    license_id: Mapped[str] = mapped_column(ForeignKey("license.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    text_sealed: Mapped[str | None] = mapped_column(Text)
    html_sealed: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    license: Mapped[License] = relationship()
