"""What devices prove themselves with: give it, replace it, take it away. Callers commit."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sentari.agents.authority import Authority, certificate_pem, fingerprint
from sentari.agents.models import DeviceCertificate, DeviceCredential
from sentari.inventory.models import Device
from serverkit.tokens import hash_token, new_token

DEVICE_PREFIX = "strd_"


def device_certificates(session: Session, device_id: int) -> list[DeviceCertificate]:
    """Return all certificates that a device was given, newest first."""
    mine = DeviceCertificate.device_id == device_id
    return list(
        session.scalars(select(DeviceCertificate).where(mine).order_by(DeviceCertificate.id.desc()))
    )


def issue_token(session: Session, device: Device, now: datetime) -> str:
    """Store a new device token and return it: the only time it is shown."""
    token = new_token(DEVICE_PREFIX)
    session.add(DeviceCredential(device_id=device.id, token_hash=hash_token(token), created_at=now))
    session.flush()
    return token


def issue_certificate(
    session: Session,
    device: Device,
    public_key: ec.EllipticCurvePublicKey,
    authority: Authority,
    now: datetime,
) -> str:
    """Store a new certificate for the device's key and return it as PEM.

    Those that the device had are superseded: good until they end.
    """
    certificate = authority.issue_device(device.uid, public_key, now)
    session.execute(
        update(DeviceCertificate)
        .where(
            DeviceCertificate.device_id == device.id,
            DeviceCertificate.superseded_at.is_(None),
            DeviceCertificate.revoked_at.is_(None),
        )
        .values(superseded_at=now)
        .execution_options(synchronize_session=False)
    )
    session.add(
        DeviceCertificate(
            device_id=device.id,
            fingerprint=fingerprint(certificate),
            serial=f"{certificate.serial_number:x}",
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            issued_at=now,
        )
    )
    session.flush()
    return certificate_pem(certificate)


def revoke_all(session: Session, device_id: int, now: datetime) -> None:
    """Take all tokens and certificates of a device away."""
    for model in (DeviceCredential, DeviceCertificate):
        session.execute(
            update(model)
            .where(model.device_id == device_id, model.revoked_at.is_(None))
            .values(revoked_at=now)
            .execution_options(synchronize_session=False)
        )
