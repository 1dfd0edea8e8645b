"""Recognize the device that speaks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from sentari.agents.models import DeviceCertificate, DeviceCredential
from sentari.inventory.models import Device
from serverkit.database import UtcDateTime
from serverkit.driver import DriverStatement
from serverkit.problems import Problem
from serverkit.tokens import hash_token


@dataclass(frozen=True, slots=True)
class Caller:
    """A recognized device."""

    device_id: int
    uid: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a request brings along: a device token, and SHA-256 fingerprints of certificates
    whose keys somebody who is to be believed has seen proved."""

    token: str | None = field(default=None, repr=False)
    fingerprints: frozenset[str] = frozenset()


# Every request of an agent asks one of these, so they are built once.
_THIS: BindParameter[str] = bindparam("this")
_BY_TOKEN = DriverStatement(
    select(DeviceCredential.revoked_at.is_not(None), Device.id, Device.uid)
    .outerjoin(Device, Device.id == DeviceCredential.device_id)
    .where(DeviceCredential.token_hash == _THIS)
)
_BY_CERTIFICATE = DriverStatement(
    select(
        DeviceCertificate.revoked_at.is_not(None),
        DeviceCertificate.not_after <= bindparam("now", type_=UtcDateTime),
        Device.id,
        Device.uid,
    )
    .outerjoin(Device, Device.id == DeviceCertificate.device_id)
    .where(DeviceCertificate.fingerprint == _THIS)
)


def bearer_token(authorization: str) -> str | None:
    """Return the token of an Authorization header, or None when it has none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def caller_of(session: Session, evidence: Evidence, now: datetime) -> Caller | None:
    """Return the device that the evidence proves, or None when there is no evidence.

    All of it must be good and prove the same device, else Problem 401, 403 or 404.
    """
    callers = set(_callers(session, evidence, now))
    if len(callers) > 1:
        detail = "The request was signed in as two devices. Send one device's identity only."
        raise Problem(403, "conflicting_identity", "Two identities", detail)
    return callers.pop() if callers else None


def _callers(session: Session, evidence: Evidence, now: datetime) -> Iterator[Caller]:
    for fingerprint in evidence.fingerprints:
        yield caller_of_certificate(session, fingerprint, now)
    if evidence.token is not None:
        yield caller_of_token(session, evidence.token)


def caller_of_token(session: Session, token: str) -> Caller:
    """Return the device that a device token belongs to, else raise Problem 401, 403 or 404."""
    found = _BY_TOKEN.run(session.connection(), {"this": hash_token(token)}).fetchone()
    if found is None:
        raise no_identity()
    revoked, device_id, uid = found
    if device_id is None:
        raise unknown_device()
    if revoked:
        raise _revoked("device token")
    return Caller(device_id, uid)


def caller_of_certificate(session: Session, fingerprint: str, now: datetime) -> Caller:
    """Return the device that a certificate was made for, else raise Problem 401, 403 or 404."""
    values = {"this": fingerprint, "now": now}
    found = _BY_CERTIFICATE.run(session.connection(), values).fetchone()
    if found is None:
        raise no_identity("This certificate was not made by this server. Enroll the device again.")
    revoked, ended, device_id, uid = found
    if device_id is None:
        raise unknown_device()
    if revoked:
        raise _revoked("certificate")
    if ended:
        raise no_identity("This device's certificate has expired. Enroll the device again.")
    return Caller(device_id, uid)


def caller_of_uid(session: Session, uid: str) -> Caller:
    """Return the device that a request only claims to come from, else raise Problem 404.

    To be believed only where the operator turned client certificates off.
    """
    found = session.execute(select(Device.id).where(Device.uid == uid)).one_or_none()
    if found is None:
        raise unknown_device()
    return Caller(found.id, uid)


def no_identity(
    detail: str = "Come with the client certificate that the enrollment gave, or send the device "
    "token: Authorization: Bearer strd_...",
) -> Problem:
    """Return the 401 for a request that proves nothing."""
    headers = {"WWW-Authenticate": "Bearer"}
    return Problem(401, "unauthenticated", "No device identity", detail, headers=headers)


def wrong_device() -> Problem:
    """Return the 403 for a document that speaks of another device than its sender."""
    detail = "The document's device_id is not the device that the request was signed in as."
    return Problem(403, "wrong_device", "Not this device", detail)


def unknown_device() -> Problem:
    """Return the 404 for a device that is not enrolled."""
    detail = "This device is not enrolled here, or was removed. Enroll it again."
    return Problem(404, "unknown_device", "Unknown device", detail)


def _revoked(what: str) -> Problem:
    detail = f"This {what} was replaced by a newer enrollment. Use the newer one."
    return Problem(403, "revoked", "Revoked", detail)
