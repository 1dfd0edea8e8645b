"""Find devices, tell how they are, and remove them. Never commits."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Select, delete, func, select
from sqlalchemy.orm import Session, undefer

from sentari.agents.credentials import revoke_all
from sentari.audit.store import record
from sentari.inventory.device_selection import SILENT_AFTER, DeviceSelection, select_devices
from sentari.inventory.filters import DeviceFilter, Order
from sentari.inventory.models import Device, DevicePackage, ScanEntry
from sentari.inventory.store import note_change
from sentari.inventory.text import Warnings, storable
from sentari.licensing import caps
from serverkit.paging import By, Page

# A device has tens of thousands of packages, and other writers wait for seconds only.
MOST_REMOVED = 500
MOST_PACKAGES_REMOVED = 1_000_000

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


def tags_of(device: Device) -> list[str]:
    """Return the tags that the device's agent reports."""
    tags: list[str] = json.loads(device.tags)
    return tags


def status_of(device: Device, now: datetime) -> str:
    """Return `waiting` before the first scan, `silent` after a day without a word, or `active`."""
    if device.last_scan_at is None:
        return "waiting"
    return "silent" if now - device.last_seen_at >= SILENT_AFTER else "active"


@dataclass(frozen=True)
class FoundDevices(Page[Device]):
    """One page of devices, and how many packages could not be compared in a search for some."""

    incomparable: int = 0


def search_devices(
    session: Session, asked: DeviceFilter, now: datetime, *, page: int, page_size: int
) -> FoundDevices:
    """Return one page of the devices that match, with their tags."""
    selection = select_devices(session, asked, now)
    matching = _matching(selection)
    # Found and counted in one go: what makes a device match may be dear. The rows, which are
    # wide, are read for the page only.
    ids = matching.with_only_columns(Device.id, func.count().over().label("total"))
    ids = _ordered(ids, asked.order).limit(page_size).offset((page - 1) * page_size)
    found = session.execute(ids).all()
    total = found[0].total if found else _count(session, matching)
    rows = select(Device).where(Device.id.in_([row.id for row in found]))
    by_id = {row.id: row for row in session.scalars(rows.options(undefer(Device.tags)))}
    items = [by_id[row.id] for row in found if row.id in by_id]
    return FoundDevices(items, total, page, page_size, len(selection.incomparable))


def every_device(session: Session, asked: DeviceFilter, now: datetime) -> Iterator[Device]:
    """Return all devices that match, with their tags, without holding them in memory."""
    # Now, not when the first one is asked for: what cannot be done is to be said at once.
    query = _ordered(_matching(select_devices(session, asked, now)), asked.order)
    return _every(session, query.options(undefer(Device.tags)))


def _every(session: Session, query: Select[Any]) -> Iterator[Device]:
    yield from session.scalars(query.execution_options(yield_per=500))


def count_devices(session: Session, asked: DeviceFilter, now: datetime) -> DeviceCount:
    """Count devices: all, those that match, and among these for each ecosystem."""
    selection = select_devices(session, asked, now)
    matching = _matching(selection)
    # Devices that have the same packages of each share one text.
    texts = matching.with_only_columns(Device.ecosystems, func.count()).group_by(Device.ecosystems)
    counted: Counter[str] = Counter()
    for text, count in session.execute(texts):
        counted.update(dict.fromkeys(json.loads(text), count))
    return DeviceCount(
        session.scalar(select(func.count(Device.id))) or 0,
        _count(session, matching),
        dict(sorted(counted.items())),
    )


def find_device(session: Session, uid: str, *, details: bool = False) -> Device | None:
    """Return the device of this id, with the texts that DeviceDetails reads if asked."""
    query = select(Device).where(Device.uid == storable(uid))
    return session.scalars(query.options(undefer("*")) if details else query).one_or_none()


def remove_device(session: Session, uid: str, *, at: datetime, actor: str) -> Device | None:
    """Remove a device with its inventory and history, and free its places under the caps.

    Returns what was removed, or None when there is no such device.
    """
    return next(iter(remove_devices(session, [uid], at=at, actor=actor)), None)


def remove_devices(
    session: Session, uids: Collection[str], *, at: datetime, actor: str
) -> list[Device]:
    """Remove devices as remove_device does; return those that were there.

    All devices are locked first and in one order, then the totals, then the audit log: no two
    writers wait for each other.
    """
    asked = [storable(uid) for uid in uids]
    query = select(Device).where(Device.uid.in_(asked)).order_by(Device.id).with_for_update()
    removed = list(session.scalars(query))
    packages = [_delete(session, device, at) for device in removed]
    if any(packages):
        caps.release_packages(session, sum(packages))
    if removed:
        caps.release_device_places(session, len(removed))
    for device, count in zip(removed, packages, strict=True):
        detail = {"hostname": device.hostname, "packages": count}
        record(
            session, at=at, actor=actor, action="DEVICE_REMOVED", target=device.uid, detail=detail
        )
    return removed


def _delete(session: Session, device: Device, at: datetime) -> int:
    """Delete a device's rows; return how many tracked packages it had."""
    revoke_all(session, device.id, at)
    held = select(DevicePackage.package_id).where(DevicePackage.device_id == device.id)
    note_change(session, (), session.scalars(held))
    rows = delete(DevicePackage).where(DevicePackage.device_id == device.id)
    packages = cast(CursorResult[Any], session.execute(rows)).rowcount
    session.execute(delete(ScanEntry).where(ScanEntry.device_id == device.id))
    session.execute(delete(Device).where(Device.id == device.id))
    session.expunge(device)
    return packages


@dataclass(frozen=True)
class Doomed:
    """Devices that are to be removed together, or why they cannot be."""

    devices: Sequence[Device]
    fault: str

    @property
    def packages(self) -> int:
        """Return how many tracked packages go with them."""
        return sum(device.package_count for device in self.devices)


def ticked(session: Session, uids: Collection[str]) -> Doomed:
    """Return the devices of these ids that are there, to be removed together."""
    known = [storable(uid) for uid in uids][: MOST_REMOVED + 1]
    query = select(Device).where(Device.uid.in_(known))
    return _doomed(session, query.order_by(func.lower(Device.hostname), Device.id))


def matching(session: Session, asked: DeviceFilter, now: datetime) -> Doomed:
    """Return the devices that match, to be removed together."""
    query = _matching(select_devices(session, asked, now))
    return _doomed(session, _ordered(query, asked.order))


def _doomed(session: Session, query: Select[Any]) -> Doomed:
    found = session.scalars(query.limit(MOST_REMOVED + 1)).all()
    going = Doomed(found, "")
    if len(found) > MOST_REMOVED:
        fault = f"At most {MOST_REMOVED:,} devices are removed at once. Narrow the list down."
        return Doomed((), fault)
    if going.packages > MOST_PACKAGES_REMOVED:
        fault = (
            f"These {len(found):,} devices have {going.packages:,} packages; at most "
            f"{MOST_PACKAGES_REMOVED:,} are removed at once. Narrow the list down."
        )
        # One device can always be removed, whatever it has.
        return going if len(found) == 1 else Doomed((), fault)
    return going


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


def _matching(selection: DeviceSelection) -> Select[Any]:
    return select(Device).where(*selection.conditions)


def _count(session: Session, query: Select[Any]) -> int:
    ids = query.with_only_columns(Device.id).subquery()
    return session.scalar(select(func.count()).select_from(ids)) or 0


def _ordered(query: Any, order: Order) -> Any:
    return query.order_by(*(by.clause() for by in _order(order)))


def _order(order: Order) -> list[By]:
    nullable = order.column == "last_scan_at"
    return [By(_COLUMNS[order.column], order.falling, nullable=nullable), By(Device.id)]
