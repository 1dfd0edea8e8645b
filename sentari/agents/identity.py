"""Recognize the device that speaks."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from sentari.agents.models import DeviceCredential
from sentari.inventory.models import Device
from serverkit.problems import Problem
from serverkit.tokens import hash_token

DEVICE_PREFIX = "strd_"


@dataclass(frozen=True, slots=True)
class Caller:
    """A recognized device."""

    device_id: int
    uid: str


def bearer_token(authorization: str) -> str | None:
    """Return the token of an Authorization header, or None when it has none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def caller_of_token(session: Session, token: str) -> Caller:
    """Return the device that a device token belongs to, else raise Problem 401, 403 or 404."""
    query = (
        select(DeviceCredential.revoked_at, Device.id, Device.uid)
        .outerjoin(Device, Device.id == DeviceCredential.device_id)
        .where(DeviceCredential.token_hash == hash_token(token))
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise no_identity()
    if found.id is None:
        raise unknown_device()
    if found.revoked_at is not None:
        detail = "This device token was replaced by a newer enrollment. Use the newer one."
        raise Problem(403, "revoked", "Revoked", detail)
    return Caller(found.id, found.uid)


def caller_of_uid(session: Session, uid: str) -> Caller:
    """Return the device that a request only claims to come from, else raise Problem 404.

    To be believed only where the operator turned client certificates off.
    """
    found = session.execute(select(Device.id).where(Device.uid == uid)).one_or_none()
    if found is None:
        raise unknown_device()
    return Caller(found.id, uid)


def no_identity() -> Problem:
    """Return the 401 for a request that proves nothing."""
    detail = "Send the device token of the enrollment: Authorization: Bearer strd_..."
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
