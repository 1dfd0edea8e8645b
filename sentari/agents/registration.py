"""Enroll a device: a token in, an identity out. Callers commit."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sentari.agents.enrollment_tokens import use_token
from sentari.agents.identity import DEVICE_PREFIX
from sentari.agents.models import DeviceCredential, Enrollment
from sentari.audit.store import record
from sentari.inventory.document import load_object
from sentari.inventory.faults import Faults
from sentari.inventory.fields import Fields
from sentari.inventory.models import Device
from sentari.inventory.records import MAX_VERSION, MAX_WORD
from sentari.inventory.scan import MAX_HOSTNAME
from sentari.inventory.text import Warnings
from sentari.licensing import caps
from sentari.licensing.state import LicenseStatus
from serverkit.problems import Problem
from serverkit.tokens import hash_token, new_token

CLONE_WINDOW = timedelta(hours=1)
MAX_TOKEN, MAX_CSR = 512, 16_384


class EnrolledMeanwhileError(Exception):
    """The same machine was enrolled by another request at this moment: begin again."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device says when it enrolls; `machine_id` is None when it has none."""

    hostname: str
    enrollment_token: str
    os: str
    arch: str
    agent_version: str
    machine_id: str | None
    csr: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The identity that a device was given; the token is not stored and not shown again."""

    device_uid: str
    device_token: str
    created: bool


def read_registration(body: bytes) -> Registration:
    """Return the registration in a request's body; ScanError when its structure is wrong."""
    faults, warnings = Faults(), Warnings()
    fields = Fields(load_object(body, warnings), "", faults, warnings)
    registration = Registration(
        hostname=fields.text("hostname", MAX_HOSTNAME, required=True),
        enrollment_token=fields.text("enrollment_token", MAX_TOKEN),
        os=fields.text("os", MAX_WORD),
        arch=fields.text("arch", MAX_WORD),
        agent_version=fields.text("agent_version", MAX_WORD),
        machine_id=fields.text("machine_id", MAX_VERSION).strip() or None,
        csr=fields.text("csr", MAX_CSR),
    )
    faults.raise_if_any()
    return registration


def register(
    session: Session,
    registration: Registration,
    *,
    static_token: str | None,
    now: datetime,
    license_status: LicenseStatus,
) -> Enrolled:
    """Enroll a device, or give a known machine a new identity in place of its old one.

    Raises TokenRefusedError, Problem 402 when there is no place for another device, and
    EnrolledMeanwhileError.
    """
    used = use_token(session, registration.enrollment_token, static_token, now)
    device = _find(session, registration.machine_id)
    created = device is None
    if device is None:
        _take_place(session, registration.machine_id, license_status)
        device = _add(session, registration, now)
    else:
        _enroll_again(device, registration, now)
    session.add(Enrollment(device_id=device.id, token_id=used.id, enrolled_at=now))
    token = _new_credential(session, device, now)
    detail = {"hostname": device.hostname, "token": used.name, "again": not created}
    record(
        session, at=now, actor=f"device:{device.uid}", action="DEVICE_ENROLLED",
        target=device.uid, detail=detail,
    )  # fmt: skip
    return Enrolled(device.uid, token, created)


def _find(session: Session, machine_id: str | None) -> Device | None:
    if machine_id is None:
        return None
    query = select(Device).where(Device.machine_id == machine_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _take_place(session: Session, machine_id: str | None, license_status: LicenseStatus) -> None:
    """Count a new device before it is added, so that a missing totals row is made right."""
    try:
        caps.take_device_place(session, license_status)
    except Problem:
        # The last place may have gone to this very machine.
        if not _is_there(session, machine_id):
            raise
        raise EnrolledMeanwhileError from None
    if _is_there(session, machine_id):
        raise EnrolledMeanwhileError


def _is_there(session: Session, machine_id: str | None) -> bool:
    # Not locked: scans lock their device before the totals, and the totals are held here.
    query = select(Device.id).where(Device.machine_id == machine_id)
    return machine_id is not None and session.scalar(query) is not None


def _add(session: Session, registration: Registration, now: datetime) -> Device:
    device = Device(
        uid=str(uuid.uuid4()),
        machine_id=registration.machine_id,
        hostname=registration.hostname,
        os=registration.os,
        arch=registration.arch,
        agent_version=registration.agent_version,
        enrolled_at=now,
        last_seen_at=now,
    )
    session.add(device)
    session.flush()
    return device


def _enroll_again(device: Device, registration: Registration, now: datetime) -> None:
    renamed = device.hostname != registration.hostname
    if renamed and now - device.last_seen_at < CLONE_WINDOW:
        # Two hosts, one machine id, both alive: most likely copies of one virtual machine.
        device.clone_hostname, device.clone_seen_at = device.hostname, now
    device.hostname = registration.hostname
    device.os, device.arch = registration.os, registration.arch
    device.agent_version = registration.agent_version
    device.last_seen_at = now


def _new_credential(session: Session, device: Device, now: datetime) -> str:
    session.execute(
        update(DeviceCredential)
        .where(DeviceCredential.device_id == device.id, DeviceCredential.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
    token = new_token(DEVICE_PREFIX)
    session.add(DeviceCredential(device_id=device.id, token_hash=hash_token(token), created_at=now))
    session.flush()
    return token
