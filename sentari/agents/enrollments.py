"""Which devices enrolled with which token, and whether they have sent a scan since. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from sentari.agents.models import Enrollment, EnrollmentToken
from sentari.inventory.models import Device, ScanEntry
from serverkit.paging import Page


@dataclass(frozen=True, slots=True)
class EnrolledDevice:
    """A device and its newest enrollment with a token; `scanned`: a scan came since."""

    uid: str
    hostname: str
    enrolled_at: datetime
    scanned: bool


def enrolled_devices(
    session: Session, token: EnrollmentToken | None, *, page: int, page_size: int
) -> Page[EnrolledDevice]:
    """Return one page of the devices that a token enrolled, the newest first; None: the static."""
    newest = _newest(token).subquery()
    total = session.scalar(select(func.count()).select_from(newest)) or 0
    query = (
        select(Device.uid, Device.hostname, Enrollment.enrolled_at, _scanned_since())
        .join(newest, newest.c.id == Enrollment.id)
        .join(Device, Device.id == Enrollment.device_id)
        .order_by(Enrollment.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    items = [EnrolledDevice(*row) for row in session.execute(query)]
    return Page(items, total, page, page_size)


def enrolled_by(
    session: Session, device: Device
) -> tuple[Enrollment, EnrollmentToken | None] | None:
    """Return a device's newest enrollment and its token (None: the static one), if known."""
    query = (
        select(Enrollment, EnrollmentToken)
        .outerjoin(EnrollmentToken, EnrollmentToken.id == Enrollment.token_id)
        .where(Enrollment.device_id == device.id)
        .order_by(Enrollment.id.desc())
        .limit(1)
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def still_waiting(found: Page[EnrolledDevice], *, usable: bool) -> bool:
    """Tell whether something is still to come: a first device, or a first scan of one.

    `usable`: the token enrolls devices.
    """
    if not found.total:
        return usable
    return any(not device.scanned for device in found.items)


def _newest(token: EnrollmentToken | None) -> Select[Any]:
    query = select(func.max(Enrollment.id).label("id")).group_by(Enrollment.device_id)
    if token is None:
        return query.where(Enrollment.token_id.is_(None))
    return query.where(Enrollment.token_id == token.id)


def _scanned_since() -> ColumnElement[bool]:
    return (
        exists()
        .where(
            ScanEntry.device_id == Enrollment.device_id,
            ScanEntry.received_at >= Enrollment.enrolled_at,
        )
        .correlate(Enrollment)
    )
