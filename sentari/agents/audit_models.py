"""The logs that agents ship: what was shipped is never changed, and stays when its device goes."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from sentari.agents.audit_shipment import HASH_CHARACTERS, MAX_CREATED_AT, MAX_EVENT_TYPE
from sentari.extensions import db
from serverkit.audit.store import attach_triggers
from serverkit.database import UtcDateTime

# SQLite counts rows by itself only when the key is called INTEGER.
_Big = BigInteger().with_variant(Integer, "sqlite")


class AgentLog(db.Model):  # type: ignore[name-defined, misc]
    """One chain of a device's agent, and how it stands.

    `device_uid` is no foreign key: the entries are evidence, also about a device that was removed.
    `enrollment` is the id of the newest enrollment under which the chain was continued: one
    newer than that may begin another chain.
    """

    __table_args__ = (UniqueConstraint("device_uid", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    device_uid: Mapped[str] = mapped_column(String(36))
    number: Mapped[int]
    enrollment: Mapped[int]
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    shipped_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_entry_id: Mapped[int] = mapped_column(BigInteger, default=0)
    entries: Mapped[int] = mapped_column(default=0)
    broken: Mapped[int] = mapped_column(default=0)
    broken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AgentLogEntry(db.Model):  # type: ignore[name-defined, misc]
    """One entry as it was shipped; `problems` says in sentences what is wrong with it.

    An entry that came again with another content is another row. `created_at` is the agent's own
    text.
    """

    __table_args__ = (
        UniqueConstraint("log_id", "entry_id", "digest"),
        # The few that are wrong are found among all the others.
        Index(
            "ix_agent_log_entry_broken",
            "log_id",
            "entry_id",
            sqlite_where=text("problems <> ''"),
            postgresql_where=text("problems <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(_Big, primary_key=True)
    log_id: Mapped[int] = mapped_column(ForeignKey("agent_log.id"))
    entry_id: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary(16))
    event_type: Mapped[str] = mapped_column(String(MAX_EVENT_TYPE))
    detail: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(HASH_CHARACTERS))
    prev_hash: Mapped[str] = mapped_column(String(HASH_CHARACTERS))
    created_at: Mapped[str] = mapped_column(String(MAX_CREATED_AT))
    hash_version: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    problems: Mapped[str] = mapped_column(Text, default="")


attach_triggers(AgentLogEntry.__table__)
