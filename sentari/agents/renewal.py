"""Give a device a new certificate in place of one that ends soon. Callers commit."""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from sqlalchemy.orm import Session

from sentari.agents.authority import certificate_pem
from sentari.agents.authority_store import AuthorityStore
from sentari.agents.credentials import issue_certificate
from sentari.agents.identity import Evidence, caller_of, no_identity, unknown_device
from sentari.agents.signing_request import read_csr_field
from sentari.audit.store import record
from sentari.inventory.document import load_object
from sentari.inventory.faults import Fault, Faults, ScanError
from sentari.inventory.fields import Fields
from sentari.inventory.models import Device
from sentari.inventory.text import Warnings


@dataclass(frozen=True, slots=True)
class Renewed:
    """The device and its new certificate, with the CA's, as PEM."""

    device_uid: str
    ca_cert: str
    device_cert: str


def read_renewal(body: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key to certify; ScanError when the body's structure is wrong."""
    faults, warnings = Faults(), Warnings()
    key = read_csr_field(Fields(load_object(body, warnings), "", faults, warnings))
    faults.raise_if_any()
    if key is None:
        raise ScanError([Fault("/csr", "must be a certificate request in PEM")])
    return key


def renew(
    session: Session,
    evidence: Evidence,
    public_key: ec.EllipticCurvePublicKey,
    *,
    authorities: AuthorityStore,
    now: datetime,
) -> Renewed:
    """Certify a new key for the device that the evidence proves.

    Raises Problem 401, 403 or 404 as `caller_of` does, and AuthorityError.
    """
    device = _locked_device(session, evidence, now)
    authority = authorities.ensure(session, now)
    certificate = issue_certificate(session, device, public_key, authority, now)
    actor, action = f"device:{device.uid}", "DEVICE_CERTIFICATE_RENEWED"
    detail = {"hostname": device.hostname}
    record(session, at=now, actor=actor, action=action, target=device.uid, detail=detail)
    return Renewed(device.uid, certificate_pem(authority.certificate), certificate)


def _locked_device(session: Session, evidence: Evidence, now: datetime) -> Device:
    """Return the device under its lock, recognized again there.

    An enrollment in between has revoked what the request came with.
    """
    caller = caller_of(session, evidence, now)
    if caller is None:
        raise no_identity()
    query = select(Device).where(Device.id == caller.device_id).with_for_update()
    device = session.scalars(query).one_or_none()
    if device is None:
        raise unknown_device()
    caller_of(session, evidence, now)
    return device
