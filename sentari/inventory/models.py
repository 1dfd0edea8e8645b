"""Devices, the packages found on them, and the scans that found them.

Packages are dictionary-encoded: `package` has one row for each distinct (ecosystem, name,
version), `device_package` has one small row for each place in a device's inventory. Rows of
`package` stay when the last device loses the package, so that a scan's history can name them.
"""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, deferred, mapped_column

from sentari.extensions import db
from sentari.inventory.records import MAX_NAME, MAX_VERSION, MAX_WORD
from sentari.inventory.scan import MAX_HOSTNAME
from sentari.inventory.scan_time import CANONICAL_CHARACTERS
from serverkit.database import UtcDateTime

# SQLite counts rows by itself only when the key is called INTEGER.
_Big = BigInteger().with_variant(Integer, "sqlite")

# The scans that made a difference are few among those that found everything as it was.
CHANGED_SCANS = "added + removed > 0 AND changes IS NOT NULL"

NO_WARNINGS = '{"count":0,"examples":[]}'


class Device(db.Model):  # type: ignore[name-defined, misc]
    """An enrolled machine and what its newest scan said besides packages.

    `uid` is what agents and people see; `machine_id` is NULL when the machine has none.
    `order_at` is the time (scan_time's text) by which later scans are told from late ones,
    `content_hash` that of the records now stored; both are NULL before the first scan. Tags,
    errors, runtimes and warnings are JSON text; `ecosystems` maps each to how many of the
    device's packages are of it.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    machine_id: Mapped[str | None] = mapped_column(String(MAX_VERSION), unique=True)
    hostname: Mapped[str] = mapped_column(String(MAX_HOSTNAME), index=True)
    os: Mapped[str] = mapped_column(String(MAX_WORD))
    os_release: Mapped[str] = mapped_column(String(MAX_VERSION), default="")
    arch: Mapped[str] = mapped_column(String(MAX_WORD))
    agent_version: Mapped[str] = mapped_column(String(MAX_WORD))
    runtime: Mapped[str] = mapped_column(String(MAX_WORD), default="")
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_scan_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    order_at: Mapped[str | None] = mapped_column(String(CANONICAL_CHARACTERS))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    package_count: Mapped[int] = mapped_column(default=0)
    error_count: Mapped[int] = mapped_column(default=0)
    warning_count: Mapped[int] = mapped_column(default=0)
    clone_hostname: Mapped[str | None] = mapped_column(String(MAX_HOSTNAME))
    clone_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tags: Mapped[str] = deferred(mapped_column(Text, default="[]"))
    errors: Mapped[str] = deferred(mapped_column(Text, default="[]"))
    runtimes: Mapped[str] = deferred(mapped_column(Text, default="[]"))
    scan_warnings: Mapped[str] = deferred(mapped_column(Text, default=NO_WARNINGS))
    package_warnings: Mapped[str] = deferred(mapped_column(Text, default=NO_WARNINGS))
    ecosystems: Mapped[str] = deferred(
        mapped_column(Text, default="{}", server_default="{}", nullable=False)
    )


class Package(db.Model):  # type: ignore[name-defined, misc]
    """One distinct package. `digest` (see PackageKey) is what makes it unique.

    The three texts together may be longer than what PostgreSQL can index. `device_count` is on
    how many devices it is, but for what InventoryChange has still to say; see counts.py.
    """

    __table_args__ = (Index("ix_package_ecosystem", "ecosystem", "name_folded"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    ecosystem: Mapped[str] = mapped_column(String(MAX_WORD))
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    version: Mapped[str] = mapped_column(String(MAX_VERSION))
    name_folded: Mapped[str] = mapped_column(String(MAX_NAME), index=True)
    device_count: Mapped[int] = mapped_column(default=0, server_default="0")


class DevicePackage(db.Model):  # type: ignore[name-defined, misc]
    """A package in a device's current inventory, with its locations as a JSON array."""

    __table_args__ = (
        Index("ix_device_package_package_id", "package_id", "device_id"),
        {"sqlite_with_rowid": False},
    )

    device_id: Mapped[int] = mapped_column(
        ForeignKey("device.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    package_id: Mapped[int] = mapped_column(
        ForeignKey("package.id"), primary_key=True, autoincrement=False
    )
    locations: Mapped[str] = mapped_column(Text)


class InventoryChange(db.Model):  # type: ignore[name-defined, misc]
    """What one transaction did to a device's inventory, until counts.py has counted it.

    Both are JSON arrays of package ids.
    """

    id: Mapped[int] = mapped_column(_Big, primary_key=True)
    added: Mapped[str] = mapped_column(Text)
    removed: Mapped[str] = mapped_column(Text)


class EcosystemCount(db.Model):  # type: ignore[name-defined, misc]
    """How many packages of an ecosystem have a `device_count` that is not 0."""

    ecosystem: Mapped[str] = mapped_column(String(MAX_WORD), primary_key=True)
    packages: Mapped[int]


class RecordIndex(db.Model):  # type: ignore[name-defined, misc]
    """The index of a device's last scan; changes.py knows its form."""

    device_id: Mapped[int] = mapped_column(
        ForeignKey("device.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    entries: Mapped[bytes] = mapped_column(LargeBinary)


class ScanEntry(db.Model):  # type: ignore[name-defined, misc]
    """One scan that arrived. `scanned_at` is the agent's own time as scan_time's text.

    `changes` is a JSON array [added package ids, removed package ids]; NULL when nothing was
    compared (a first scan, an unchanged one, a late one).
    """

    __tablename__ = "scan"
    __table_args__ = (
        UniqueConstraint("device_id", "scanned_at"),
        Index(
            "ix_scan_changed",
            "received_at",
            "id",
            sqlite_where=text(CHANGED_SCANS),
            postgresql_where=text(CHANGED_SCANS),
        ),
    )

    id: Mapped[int] = mapped_column(_Big, primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"))
    scanned_at: Mapped[str] = mapped_column(String(CANONICAL_CHARACTERS))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    status: Mapped[str] = mapped_column(String(16))
    agent_version: Mapped[str] = mapped_column(String(MAX_WORD))
    content_hash: Mapped[str] = mapped_column(String(64))
    packages_received: Mapped[int]
    package_count: Mapped[int]
    added: Mapped[int] = mapped_column(default=0)
    removed: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    error_count: Mapped[int] = mapped_column(default=0)
    warning_count: Mapped[int] = mapped_column(default=0)
    changes: Mapped[str | None] = deferred(mapped_column(Text))


class ScanDay(db.Model):  # type: ignore[name-defined, misc]
    """How many scans arrived on a day (UTC) that is over."""

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    scans: Mapped[int]


class InventoryTotals(db.Model):  # type: ignore[name-defined, misc]
    """The one row (id 1) that both caps are taken from, kept in the same transactions."""

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    devices: Mapped[int] = mapped_column(default=0)
    packages: Mapped[int] = mapped_column(default=0)
