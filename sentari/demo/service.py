"""Fill an empty house with the demo's machines, and empty it again. Never commits.

What is stored goes the way of every scan: it is read, compared, counted under the license's caps.
"""

import gzip
import json
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sentari.agents.models import Enrollment, EnrollmentToken
from sentari.audit.store import record
from sentari.demo.machines import HISTORY_DAYS, MARK, Catalogue, Machine, fleet
from sentari.inventory.devices import remove_devices
from sentari.inventory.ingestion import ingest, prepare
from sentari.inventory.models import Device, ScanDay
from sentari.inventory.scan import Scan, read_scan
from sentari.inventory.scan_time import scan_time
from sentari.licensing import caps
from sentari.licensing.state import Gate, LicenseStatus
from serverkit.tokens import hash_token, new_token

MOST_DEVICES = 500
_AGAIN_AFTER = timedelta(hours=1)
_REMOVED_AT_ONCE = 50
_MAKER = "flask demo load"


class DemoError(Exception):
    """The demo cannot be loaded or removed here; the text says why and what to do."""


@dataclass(frozen=True)
class Loaded:
    """What became of one machine."""

    is_new: bool
    scans: int


@cache
def catalogue() -> Catalogue:
    """Return the packages of the real scans, by group."""
    packed = (Path(__file__).parent / "packages.json.gz").read_bytes()
    found: Catalogue = json.loads(gzip.decompress(packed))
    return found


def check_house(session: Session, count: int, status: LicenseStatus) -> list[Machine]:
    """Return the machines to load; DemoError when they must not or cannot be."""
    if status.gate is not Gate.FULL:
        raise DemoError(f"the license does not allow it: {status.reason}")
    marked = Device.machine_id.startswith(MARK, autoescape=True)
    total = session.scalar(select(func.count()).select_from(Device)) or 0
    demos = session.scalar(select(func.count()).select_from(Device).where(marked)) or 0
    if total > demos:
        raise DemoError(
            f"there are other devices here ({total - demos:,}); the demo is only loaded into an"
            " empty house, so that nobody takes it for real"
        )
    limit = status.limits.devices
    if limit is not None and count > limit:
        raise DemoError(
            f"the license allows {limit:,} devices and the demo has {count:,}: load fewer with"
            f" --devices {limit}"
        )
    return fleet(count)


def load_machine(
    session: Session, machine: Machine, *, now: datetime, license_status: LicenseStatus
) -> Loaded:
    """Enroll a machine with its history, or let one that is there report anew.

    Raises Problem 402 when it does not fit under the license's caps.
    """
    query = select(Device).where(Device.machine_id == machine.machine_id)
    device = session.scalars(query).one_or_none()
    times = machine.scan_times(now)
    if device is not None:
        fresh = device.last_seen_at + _AGAIN_AFTER
        times = [at for at in times[-1:] if at > fresh]
        return Loaded(False, _report(session, device, machine, times, now, license_status))
    device = _enroll(session, machine, now, license_status)
    scans = _report(session, device, machine, times, now, license_status)
    _mark_clone(session, device, machine, now)
    return Loaded(True, scans)


def _enroll(
    session: Session, machine: Machine, now: datetime, license_status: LicenseStatus
) -> Device:
    """Add a device that nobody can speak for: it gets neither token nor certificate."""
    caps.take_device_place(session, license_status)
    enrolled_at = machine.enrolled_at(now)
    device = Device(
        uid=str(uuid.uuid4()),
        machine_id=machine.machine_id,
        hostname=machine.hostname,
        os=machine.role.os,
        arch=machine.role.arch,
        agent_version=machine.agent_version,
        enrolled_at=enrolled_at,
        last_seen_at=enrolled_at,
    )
    session.add(device)
    session.flush()
    token = _token(session, now)
    token.uses += 1
    session.add(Enrollment(device_id=device.id, token_id=token.id, enrolled_at=enrolled_at))
    return device


def _token(session: Session, now: datetime) -> EnrollmentToken:
    """Return the token that the demo's devices enrolled with, in name only: nobody knows it."""
    query = select(EnrollmentToken).where(EnrollmentToken.created_by == _MAKER)
    token = session.scalars(query).one_or_none()
    if token is None:
        token = EnrollmentToken(
            name="Demo", token_hash=hash_token(new_token("demo_")), hint="demo",
            created_by=_MAKER, created_at=now, revoked_at=now,
        )  # fmt: skip
        session.add(token)
        session.flush()
    return token


def _report(
    session: Session,
    device: Device,
    machine: Machine,
    times: list[datetime],
    now: datetime,
    license_status: LicenseStatus,
) -> int:
    read: dict[int, Scan] = {}
    for at in times:
        wave = machine.wave(at, now)
        if wave not in read:
            document = machine.scan(at, wave, catalogue()) | {"device_id": device.uid}
            read[wave] = read_scan(json.dumps(document).encode())
        scan = replace(read[wave], scanned_at=scan_time(at))
        prepared = prepare(session, device.id, scan)
        ingest(session, prepared, now=at, license_status=license_status)
    return len(times)


def _mark_clone(session: Session, device: Device, machine: Machine, now: datetime) -> None:
    if machine.clone_hostname:
        session.refresh(device)
        device.clone_hostname = machine.clone_hostname
        device.clone_seen_at = now - timedelta(days=2)


def note_loaded(session: Session, *, devices: int, scans: int, at: datetime, actor: str) -> None:
    """Write down that the demo was loaded, and have its days counted again.

    The days of its history may have been counted as days without a scan.
    """
    first = (at - timedelta(days=HISTORY_DAYS + 14)).date()
    session.execute(delete(ScanDay).where(ScanDay.day >= first))
    detail = {"devices": devices, "scans": scans}
    record(session, at=at, actor=actor, action="DEMO_LOADED", target="demo", detail=detail)


def remove_some(session: Session, *, at: datetime, actor: str) -> int:
    """Remove some of the demo's devices, as if they were real; return how many there were."""
    marked = Device.machine_id.startswith(MARK, autoescape=True)
    query = select(Device.uid).where(marked).order_by(Device.id).limit(_REMOVED_AT_ONCE)
    removed = remove_devices(session, session.scalars(query).all(), at=at, actor=actor)
    if not removed:
        session.execute(delete(EnrollmentToken).where(EnrollmentToken.created_by == _MAKER))
    return len(removed)
