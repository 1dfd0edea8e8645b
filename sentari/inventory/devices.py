"""Find devices, tell how they are, and remove them. Never commits."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session, undefer

from sentari.agents.credentials import revoke_all
from sentari.audit.store import record
from sentari.inventory.filters import DeviceFilter, Order
from sentari.inventory.models import Device, DevicePackage, Package, ScanEntry
from sentari.inventory.text import Warnings, storable
from sentari.licensing import caps
from serverkit.paging import Page

# Agents scan every hour; after a day without one something is wrong.
SILENT_AFTER = timedelta(hours=24)
_SHORTEST_ID = 8

_COLUMNS: dict[str, Any] = {
    "hostname": func.lower(Device.hostname),
    "os": Device.os,
    "arch": Device.arch,
    "agent_version": Device.agent_version,
    "packages": Device.package_count,
    "enrolled_at": Device.enrolled_at,
    "last_seen_at": Device.last_seen_at,
    "last_scan_at": Device.last_scan_at,
}


@dataclass(frozen=True)
class DeviceCount:
    """How many devices there are, how many match, and how many of these have what."""

    total: int
    matching: int
    by_ecosystem: dict[str, int]


@dataclass(frozen=True)
class DeviceDetails:
    """What a device's newest scan said besides packages."""

    tags: list[str]
    errors: list[dict[str, str]]
    runtimes: list[dict[str, str]]
    warnings: list[str]

    @classmethod
    def of(cls, device: Device) -> "DeviceDetails":
        """Read what the device's row keeps as text."""
        warnings = [
            *Warnings.from_json(device.scan_warnings).examples,
            *Warnings.from_json(device.package_warnings).examples,
        ]
        return cls(
            json.loads(device.tags),
            json.loads(device.errors),
            json.loads(device.runtimes),
            warnings,
        )


def status_of(device: Device, now: datetime) -> str:
    """Return `waiting` before the first scan, `silent` after a day without a word, or `active`."""
    if device.last_scan_at is None:
        return "waiting"
    return "silent" if now - device.last_seen_at >= SILENT_AFTER else "active"


def search_devices(
    session: Session, asked: DeviceFilter, now: datetime, *, page: int, page_size: int
) -> Page[Device]:
    """Return one page of the devices that match."""
    total = session.scalar(select(func.count()).select_from(_matching(asked, now).subquery()))
    query = _ordered(_matching(asked, now), asked.order)
    items = session.scalars(query.limit(page_size).offset((page - 1) * page_size)).all()
    return Page(items, total or 0, page, page_size)


def every_device(session: Session, asked: DeviceFilter, now: datetime) -> Iterator[Device]:
    """Yield all devices that match, without holding them in memory."""
    query = _ordered(_matching(asked, now), asked.order)
    yield from session.scalars(query.execution_options(yield_per=500))


def count_devices(session: Session, asked: DeviceFilter, now: datetime) -> DeviceCount:
    """Count devices: all, those that match, and among these for each ecosystem."""
    matching = _matching(asked, now).with_only_columns(Device.id).subquery()
    by_ecosystem = (
        select(Package.ecosystem, func.count(DevicePackage.device_id.distinct()))
        .join(DevicePackage, DevicePackage.package_id == Package.id)
        .where(DevicePackage.device_id.in_(select(matching.c.id)))
        .group_by(Package.ecosystem)
        .order_by(Package.ecosystem)
    )
    return DeviceCount(
        session.scalar(select(func.count(Device.id))) or 0,
        session.scalar(select(func.count()).select_from(matching)) or 0,
        {row[0]: row[1] for row in session.execute(by_ecosystem)},
    )


def find_device(session: Session, uid: str, *, details: bool = False) -> Device | None:
    """Return the device of this id, with the texts that DeviceDetails reads if asked."""
    query = select(Device).where(Device.uid == storable(uid))
    return session.scalars(query.options(undefer("*")) if details else query).one_or_none()


def remove_device(session: Session, uid: str, *, at: datetime, actor: str) -> Device | None:
    """Remove a device with its inventory and history, and free its places under the caps.

    Returns what was removed, or None when there is no such device.
    """
    device = _locked(session, uid)
    if device is None:
        return None
    revoke_all(session, device.id, at)
    rows = delete(DevicePackage).where(DevicePackage.device_id == device.id)
    packages = cast(CursorResult[Any], session.execute(rows)).rowcount
    session.execute(delete(ScanEntry).where(ScanEntry.device_id == device.id))
    session.execute(delete(Device).where(Device.id == device.id))
    session.expunge(device)
    if packages:
        caps.release_packages(session, packages)
    caps.release_device_places(session)
    detail = {"hostname": device.hostname, "packages": packages}
    record(session, at=at, actor=actor, action="DEVICE_REMOVED", target=uid, detail=detail)
    return device


def dismiss_clone(session: Session, uid: str, *, at: datetime, actor: str) -> None:
    """Take the mark of a possible clone off a device."""
    device = _locked(session, uid)
    if device is not None and device.clone_seen_at is not None:
        detail = {"hostname": device.hostname, "other_hostname": device.clone_hostname}
        device.clone_hostname = device.clone_seen_at = None
        action = "DEVICE_CLONE_DISMISSED"
        record(session, at=at, actor=actor, action=action, target=uid, detail=detail)


def _locked(session: Session, uid: str) -> Device | None:
    query = select(Device).where(Device.uid == storable(uid)).with_for_update()
    return session.scalars(query).one_or_none()


def _matching(asked: DeviceFilter, now: datetime) -> Select[Any]:
    query = select(Device)
    if asked.search:
        query = query.where(_found_by(asked.search))
    if asked.status:
        query = query.where(state_conditions(now)[asked.status])
    return query


def _found_by(search: str) -> ColumnElement[bool]:
    texts = (Device.hostname, Device.os, Device.os_release, Device.agent_version)
    conditions = [text.icontains(search, autoescape=True) for text in texts]
    if len(search) >= _SHORTEST_ID:
        # Shorter ones would find short words in ids where nobody looks for them.
        conditions.append(Device.uid.startswith(search.lower(), autoescape=True))
    return or_(*conditions)


def state_conditions(now: datetime) -> dict[str, ColumnElement[bool]]:
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


def _ordered(query: Select[Any], order: Order) -> Select[Any]:
    column = _COLUMNS[order.column]
    by = column.desc() if order.falling else column.asc()
    return query.order_by(by.nulls_last(), Device.id)
