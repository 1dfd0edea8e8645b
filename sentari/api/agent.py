"""The agents' protocol. What agents ask for and is not here is 404, in every license state."""

import logging
from collections.abc import Callable
from typing import TypeVar

from apiflask import APIBlueprint
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from flask.typing import ResponseReturnValue

from sentari import metrics
from sentari.agents import audit_shipping, identity, registration, renewal
from sentari.agents.audit_shipment import read_shipment
from sentari.agents.authority_store import AuthorityError
from sentari.agents.enrollment_tokens import TokenRefusedError
from sentari.agents.identity import Caller
from sentari.api.agent_schemas import (
    AuditBatchIn,
    AuditBatchOut,
    ConfigOut,
    RegistrationIn,
    RegistrationOut,
    RenewalIn,
    RenewalOut,
    ScanIn,
    ScanOut,
)
from sentari.api.device_identity import device_caller, evidence, proven_device
from sentari.api.openapi import describe
from sentari.extensions import current, db, write_with_others, writing
from sentari.inventory import ingestion
from sentari.inventory.faults import MalformedScanError, ScanError
from sentari.inventory.ingestion import UnknownDeviceError
from sentari.inventory.scan import Scan, read_scan
from sentari.web.access import access
from serverkit.http import counted_address, read_body
from serverkit.problems import Problem, invalid

log = logging.getLogger(__name__)

blueprint = APIBlueprint("agent", __name__, url_prefix="/api/v1/agent", tag="Agents")

SCAN_BYTES = 32 * 1024 * 1024
REGISTRATION_BYTES = 1024 * 1024
ENROLLMENTS = "10/minute"
RENEWALS = "10/hour"
_ENROLLMENT_TRIES = 3
_BAD_BODY = {
    400: "Not JSON, or damaged gzip.",
    413: "Too large, inflated or not.",
    422: "The structure is wrong; `errors` says where.",
}
_NOTHING_HERE = {404: "There is none, in every license state."}

Document = TypeVar("Document")


@blueprint.post("/register")
@access(agent=True, gate="ingest")
@describe(
    body=RegistrationIn,
    answers={200: RegistrationOut, 201: RegistrationOut},
    problems={**_BAD_BODY, 403: "The token does not enroll.", 429: "More than 10 a minute."},
    anonymous=True,
)
def register() -> ResponseReturnValue:
    """Enroll a device, or give a known machine a new identity."""
    current().rate_limiter.hit(ENROLLMENTS, "enrollment", counted_address())
    sent = _read(registration.read_registration, REGISTRATION_BYTES)
    try:
        enrolled = _enroll(sent)
    except TokenRefusedError as error:
        raise Problem(403, "token_refused", "Not enrolled", str(error)) from error
    answer = {
        "device_id": enrolled.device_uid,
        "device_token": enrolled.device_token,
        "ca_cert": enrolled.ca_cert + current().settings.tls_ca,
        "device_cert": enrolled.device_cert,
        "message": "enrolled" if enrolled.created else "enrolled again",
    }
    return answer, 201 if enrolled.created else 200


@blueprint.post("/scan")
@access(agent=True, gate="ingest")
@describe(
    body=ScanIn,
    answers={202: ScanOut},
    problems={**_BAD_BODY, 404: "The device is not enrolled here."},
)
def scan() -> ResponseReturnValue:
    """Take in a scan. Duplicates and late scans are accepted too: a refusal blocks the queue."""
    caller = device_caller()
    sent = _read(read_scan, SCAN_BYTES)
    receipt = _ingest(caller or identity.caller_of_uid(db.session(), sent.device_uid), sent)
    metrics.count_scan(receipt.status)
    counts = ("status", "packages", "added", "changed", "removed", "warnings")
    answer = {
        "scan_id": str(receipt.scan_id),
        "packages_received": receipt.packages_received,
        "message": _MESSAGES[receipt.status],
        "ingested": {name: getattr(receipt, name) for name in counts},
    }
    return answer, 202


@blueprint.post("/audit-log")
@access(agent=True, gate="ingest")
@describe(
    body=AuditBatchIn,
    answers={202: AuditBatchOut},
    problems={**_BAD_BODY, 404: "The device is not enrolled here."},
)
def audit_log() -> ResponseReturnValue:
    """Take in a batch of an agent's own log, a broken one too: a refusal brings it again."""
    caller = device_caller()
    sent = _read(read_shipment, SCAN_BYTES)
    caller = caller or identity.caller_of_uid(db.session(), sent.device_uid)
    if sent.device_uid != caller.uid:
        raise identity.wrong_device()
    audit_shipping.prepare(sent.entries)
    now = current().clock.now()
    try:
        with writing() as session:
            receipt = audit_shipping.ship(session, caller, sent.entries, now=now)
    except UnknownDeviceError:
        raise identity.unknown_device() from None
    for kind in receipt.kinds:
        metrics.count_log_anomaly(kind)
    return receipt.as_json(), 202


@blueprint.post("/renew")
@access(agent=True, gate="open", identify=proven_device)
@describe(
    body=RenewalIn,
    answers={200: RenewalOut},
    problems={**_BAD_BODY, 404: "The device was removed.", 429: "More than 10 an hour."},
)
def renew() -> ResponseReturnValue:
    """Give a device a new certificate; the one that it has stays good until it ends."""
    current().rate_limiter.hit(RENEWALS, "renewal", proven_device().uid)
    key = _read(renewal.read_renewal, REGISTRATION_BYTES)
    renewed = _renew(key)
    return {
        "device_id": renewed.device_uid,
        "ca_cert": renewed.ca_cert + current().settings.tls_ca,
        "device_cert": renewed.device_cert,
        "message": "renewed",
    }


@blueprint.get("/config")
@access(agent=True, identify=device_caller)
@describe(answers={200: ConfigOut}, problems={404: "The device is not enrolled here."})
def config() -> ResponseReturnValue:
    """Tell an agent how often and where to scan."""
    return {"scan_interval": 3600, "scan_root": "/", "max_depth": 12, "config_version": "1"}


@blueprint.get("/license-map")
@access(public=True, gate="open")
@describe(problems=_NOTHING_HERE, anonymous=True)
def license_map() -> ResponseReturnValue:
    """Say that this server hands out no license map."""
    raise Problem(404, "not_found", "Not found", "This server has no license map.")


@blueprint.get("/policy-map")
@access(public=True, gate="open")
@describe(problems=_NOTHING_HERE, anonymous=True)
def policy_map() -> ResponseReturnValue:
    """Say that this server runs no install gate, in the way agents understand."""
    headers = {"X-Sentari-Install-Gate-Disabled": "true"}
    detail = "This server has no install gate."
    raise Problem(404, "not_found", "Not found", detail, headers=headers)


_MESSAGES = {
    ingestion.APPLIED: "the inventory was brought up to date",
    ingestion.UNCHANGED: "the inventory has not changed",
    ingestion.SUPERSEDED: "a newer scan is stored already; this one is kept as history",
    ingestion.DUPLICATE: "this scan was stored before",
}


def _read(read: Callable[[bytes], Document], limit_bytes: int) -> Document:
    try:
        return read(read_body(limit_bytes))
    except ScanError as error:
        raise _refusal(error) from error


def _refusal(error: ScanError) -> Problem:
    if isinstance(error, MalformedScanError):
        detail = f"The body {error.faults[0].detail}."
        return Problem(400, "malformed", "Malformed body", detail)
    return invalid([fault._asdict() for fault in error.faults])


def _enroll(sent: registration.Registration) -> registration.Enrolled:
    license_status = current().snapshot.status()
    for _ in range(_ENROLLMENT_TRIES):
        try:
            with writing() as session:
                return registration.register(
                    session,
                    sent,
                    static_token=current().settings.enrollment_token,
                    now=current().clock.now(),
                    license_status=license_status,
                    authorities=current().authorities,
                )
        except registration.EnrolledMeanwhileError:
            continue
        except AuthorityError as error:
            raise _no_authority(error) from error
    detail = "The machine is being enrolled by another request. Try again shortly."
    raise Problem(503, "unavailable", "Unavailable", detail, headers={"Retry-After": "5"})


def _renew(key: EllipticCurvePublicKey) -> renewal.Renewed:
    now, authorities = current().clock.now(), current().authorities
    try:
        with writing() as session:
            return renewal.renew(session, evidence(), key, authorities=authorities, now=now)
    except AuthorityError as error:
        raise _no_authority(error) from error


def _no_authority(error: AuthorityError) -> Problem:
    log.error("no certificate can be made: %s", error)
    detail = "This server's CA cannot be used; its log says why. Nothing was changed."
    return Problem(503, "unavailable", "Unavailable", detail, headers={"Retry-After": "60"})


def _ingest(caller: Caller, sent: Scan) -> ingestion.Receipt:
    if sent.device_uid != caller.uid:
        raise identity.wrong_device()
    status, now = current().snapshot.status(), current().clock.now()
    try:
        prepared = ingestion.prepare(db.session(), caller.device_id, sent)
        return write_with_others(
            lambda session: ingestion.ingest(session, prepared, now=now, license_status=status),
            lambda session: ingestion.confirm(session, prepared, now),
        )
    except UnknownDeviceError:
        raise identity.unknown_device() from None
    except ScanError as error:
        raise _refusal(error) from error
