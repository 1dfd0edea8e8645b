"""Enroll devices and send their scans through the services, without HTTP."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from sentari.agents.registration import Enrolled, Registration, register
from sentari.extensions import current, db, writing
from sentari.inventory import ingestion
from sentari.inventory.models import Device, DevicePackage, InventoryTotals, Package
from sentari.inventory.scan import read_scan
from sentari.licensing.state import LicenseStatus
from tests.clocks import NOON
from tests.sentari.statuses import licensed

STATIC_TOKEN = "the static enrollment token of the tests"


def registration(**changes: Any) -> Registration:
    values: dict[str, Any] = {
        "hostname": "web-01",
        "enrollment_token": STATIC_TOKEN,
        "os": "linux",
        "arch": "amd64",
        "agent_version": "1.0.0",
        "machine_id": None,
        "public_key": None,
    }
    return Registration(**(values | changes))


def enroll(
    *, now: datetime = NOON, status: LicenseStatus | None = None, **changes: Any
) -> Enrolled:
    """Enroll one device inside the app's context."""
    with writing() as session:
        return register(
            session,
            registration(**changes),
            static_token=STATIC_TOKEN,
            now=now,
            license_status=status or licensed(),
            authorities=current().authorities,
        )


def device_id(uid: str) -> int:
    return db.session.scalars(select(Device.id).where(Device.uid == uid)).one()


def send(
    uid: str,
    document: dict[str, Any],
    *,
    now: datetime = NOON,
    status: LicenseStatus | None = None,
) -> ingestion.Receipt:
    """Send one scan as the agent of the device would."""
    scan = read_scan(json.dumps(document).encode())
    prepared = ingestion.prepare(db.session(), device_id(uid), scan)
    with writing() as session:
        return ingestion.ingest(session, prepared, now=now, license_status=status or licensed())


def inventory(uid: str) -> dict[tuple[str, str, str], list[dict[str, str]]]:
    """Return what is stored of a device: its packages with their locations."""
    query = (
        select(Package.ecosystem, Package.name, Package.version, DevicePackage.locations)
        .join(DevicePackage, DevicePackage.package_id == Package.id)
        .where(DevicePackage.device_id == device_id(uid))
    )
    rows = db.session.execute(query).all()
    return {(row[0], row[1], row[2]): json.loads(row[3]) for row in rows}


def totals() -> tuple[int, int]:
    """Return (devices, packages) of the totals row, after comparing it with what is there."""
    said = db.session.execute(select(InventoryTotals.devices, InventoryTotals.packages)).one()
    there = (
        db.session.scalar(select(func.count()).select_from(Device)),
        db.session.scalar(select(func.count()).select_from(DevicePackage)),
    )
    summed = db.session.scalar(select(func.coalesce(func.sum(Device.package_count), 0)))
    assert tuple(said) == there
    assert summed == there[1]
    return (said[0], said[1])
