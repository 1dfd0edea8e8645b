"""Enroll a device: a token in, an identity out. Callers commit."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from sqlalchemy.orm import Session

from sentari.agents.authority import certificate_pem
from sentari.agents.authority_store import AuthorityStore
from sentari.agents.credentials import issue_certificate, issue_token, revoke_all
from sentari.agents.enrollment_tokens import use_token
from sentari.agents.models import Enrollment
from sentari.agents.signing_request import read_csr_field
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

CLONE_WINDOW = timedelta(hours=1)
MAX_TOKEN = 512


class EnrolledMeanwhileError(Exception):
    """The same machine was enrolled by another request at this moment: begin again."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device says when it enrolls; `machine_id` is None when it has none.

    `public_key` is that of its certificate request, None when it wants no certificate.
    """

    hostname: str
    enrollment_token: str
    os: str
    arch: str
    agent_version: str
    machine_id: str | None
    public_key: ec.EllipticCurvePublicKey | None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The identity that a device was given; the token is not stored and not shown again.

    Certificates are PEM; `device_cert` is empty when none was asked for.
    """

    device_uid: str
    device_token: str = field(repr=False)
    ca_cert: str
    device_cert: str
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
        public_key=read_csr_field(fields),
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
    authorities: AuthorityStore,
) -> Enrolled:
    """Enroll a device, or give a known machine a new identity in place of its old one.

    Raises TokenRefusedError, Problem 402 when there is no place for another device,
    EnrolledMeanwhileError, and AuthorityError.
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
    revoke_all(session, device.id, now)
    authority, key = authorities.ensure(session, now), registration.public_key
    certificate = issue_certificate(session, device, key, authority, now) if key else ""
    token = issue_token(session, device, now)
    detail = {"hostname": device.hostname, "token": used.name, "again": not created}
    record(
        session, at=now, actor=f"device:{device.uid}", action="DEVICE_ENROLLED",
        target=device.uid, detail=detail,
    )  # fmt: skip
    ca_cert = certificate_pem(authority.certificate)
    return Enrolled(device.uid, token, ca_cert, certificate, created)


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
