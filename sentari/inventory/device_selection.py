"""Turn what is asked for into conditions on devices. Never commits."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, cast, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from sentari.inventory.counts import packages_by_ecosystem
from sentari.inventory.filters import DeviceFilter
from sentari.inventory.models import Device, DevicePackage, Package
from sentari.inventory.selection import Incomparable, select_packages

# Agents scan every hour; after a day without one something is wrong.
LATE_AFTER = timedelta(hours=2)
SILENT_AFTER = timedelta(hours=24)

_SHORTEST_ID = 8
# Devices that have the same tags share one text; more different ones are not offered.
_MOST_TAG_TEXTS = 500

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class DeviceSelection:
    """What devices must be to match; packages that could not be compared stand beside it."""

    conditions: tuple[Condition, ...]
    incomparable: tuple[Incomparable, ...] = ()


@dataclass(frozen=True)
class Offered:
    """What occurs among the devices, to choose from."""

    systems: list[str]
    tags: list[str]
    ecosystems: list[str]


def select_devices(session: Session, asked: DeviceFilter, now: datetime) -> DeviceSelection:
    """Return the selection; FilterError when too many versions would have to be compared."""
    conditions = list(_plain_conditions(asked, now, session.get_bind().dialect.name))
    if not asked.package:
        return DeviceSelection(tuple(conditions))
    packages = select_packages(session, asked.query)
    held = select(DevicePackage.device_id).join(Package, Package.id == DevicePackage.package_id)
    conditions.append(Device.id.in_(held.where(*packages.conditions)))
    return DeviceSelection(tuple(conditions), packages.incomparable)


def state_conditions(now: datetime) -> dict[str, Condition]:
    """Return for each state that devices are filtered by the condition in the database."""
    scanned, silent_from = Device.last_scan_at.is_not(None), now - SILENT_AFTER
    return {
        "waiting": Device.last_scan_at.is_(None),
        "silent": and_(scanned, Device.last_seen_at <= silent_from),
        "active": and_(scanned, Device.last_seen_at > silent_from),
        "errors": Device.error_count > 0,
        "warnings": Device.warning_count > 0,
        "clone": Device.clone_seen_at.is_not(None),
    }


def seen_conditions(now: datetime) -> dict[str, Condition]:
    """Return the same for each stretch of time since a device was last heard of."""
    late, silent = now - LATE_AFTER, now - SILENT_AFTER
    return {
        "online": Device.last_seen_at > late,
        "late": and_(Device.last_seen_at <= late, Device.last_seen_at > silent),
        "missing": Device.last_seen_at <= silent,
    }


def offered(session: Session) -> Offered:
    """Return the systems, tags and ecosystems that occur, each by name."""
    systems = session.scalars(select(Device.os).distinct().order_by(Device.os))
    texts = session.scalars(select(Device.tags).distinct().limit(_MOST_TAG_TEXTS))
    return Offered(
        [name for name in systems if name],
        sorted({tag for text in texts for tag in json.loads(text)}),
        [name for name in packages_by_ecosystem(session) if name],
    )


def _plain_conditions(asked: DeviceFilter, now: datetime, dialect: str) -> Iterator[Condition]:
    if asked.search:
        yield _found_by(asked.search)
    if asked.status:
        yield state_conditions(now)[asked.status]
    if asked.seen:
        yield seen_conditions(now)[asked.seen]
    if asked.os:
        yield Device.os == asked.os
    if asked.tag:
        yield _has(Device.tags, "value", asked.tag, dialect)
    if asked.ecosystem:
        yield _has(Device.ecosystems, "key", asked.ecosystem, dialect)


def _found_by(search: str) -> Condition:
    texts = (Device.hostname, Device.os, Device.os_release, Device.agent_version)
    conditions = [text.icontains(search, autoescape=True) for text in texts]
    if len(search) >= _SHORTEST_ID:
        # Shorter ones would find short words in ids where nobody looks for them.
        conditions.append(Device.uid.startswith(search.lower(), autoescape=True))
    return or_(*conditions)


def _has(column: Any, what: str, text: str, dialect: str) -> Condition:
    """Return the condition that a text is one of a JSON array's values or of an object's keys."""
    if dialect == "postgresql":
        return func.jsonb_exists(cast(column, JSONB), text)
    each = func.json_each(column).table_valued(what)
    return exists().select_from(each).where(each.c[what] == text)
