"""The request that waits for its reply: stored before it is sent, the same bytes until answered."""

import base64
import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from license_token.errors import LicenseTokenError
from license_token.reply import AuditAnchor
from license_token.request import (
    NONCE_BYTES,
    NONCE_LIFETIME_DAYS,
    RequestClaims,
    read_request,
    sign_request,
)
from sentari.audit.store import audit_log
from sentari.licensing import caps, clock_store, history, store
from sentari.licensing.clock import ClockReading
from sentari.licensing.core import Licensing
from sentari.licensing.identity import InstanceIdentity, ensure_identity
from sentari.licensing.models import StoredKey, StoredRequest

NONCE_LIFETIME = timedelta(days=NONCE_LIFETIME_DAYS)

_FINDINGS = {
    history.TAMPER_DETECTED: "tampered",
    history.CLOCK_ROLLBACK: "clock_rollback",
    history.CLOCK_REBUILT: "clock_rollback",
    history.CHAIN_BROKEN: "audit_broken",
    history.CLOCK_SKEW: "clock_skew",
}


def open_request(
    session: Session, licensing: Licensing, key: StoredKey, now: datetime
) -> StoredRequest:
    """Return the request for the key that waits for its reply, made now if there is none.

    A lost answer must not look like a second server, so a request is repeated as it is for as
    long as it can be answered. Raise VaultError when the instance key does not open.
    """
    identity = ensure_identity(session, licensing.vault, now)
    made_at = licensing.time.now()
    waiting = store.find_request(session, key.key_hash)
    if waiting is not None and _repeatable(waiting, licensing, identity, made_at):
        return waiting
    claims = _claims(session, licensing, identity, key.key_hash, now)
    document = sign_request(claims, instance_key=identity.signing_key(licensing.vault))
    return store.put_request(
        session, key_hash=key.key_hash, nonce=claims.jti, document=document, now=made_at
    )


def made_at(
    session: Session, request: StoredRequest, identity: InstanceIdentity
) -> datetime | None:
    """Return when a request was made; None when it is not one that this server signed.

    The column alone is not believed: what the log was told of the time since then is later.
    """
    claims = _genuine(request, identity)
    if claims is None:
        return None
    told = clock_store.floor_told_after(session, claims.audit.seq)
    return min(request.created_at, told) if told else request.created_at


def _repeatable(
    waiting: StoredRequest, licensing: Licensing, identity: InstanceIdentity, now: datetime
) -> bool:
    if waiting.created_at <= now - NONCE_LIFETIME:
        return False
    claims = _genuine(waiting, identity)
    # Another license server could not answer what was addressed to the one before.
    return claims is not None and claims.audience == licensing.issuer


def _genuine(waiting: StoredRequest, identity: InstanceIdentity) -> RequestClaims | None:
    try:
        claims = read_request(waiting.document).claims
    except LicenseTokenError:
        return None
    ours = (waiting.nonce, waiting.key_hash, identity.instance_id, identity.public_key)
    same = (claims.jti, claims.key_hash, claims.instance_id, claims.public_key) == ours
    return claims if same else None


def _claims(
    session: Session,
    licensing: Licensing,
    identity: InstanceIdentity,
    key_hash: str,
    now: datetime,
) -> RequestClaims:
    used = caps.told_usage(session)
    past = history.read_history(session)
    seq, head = audit_log.head(session)
    return RequestClaims(
        instance_id=identity.instance_id,
        audience=licensing.issuer,
        issued_at=int(now.timestamp()),
        jti=_nonce(),
        key_hash=key_hash,
        public_key=identity.public_key,
        previous=past.recorded.jti if past.recorded else None,
        server_version=licensing.server_version,
        devices=used.devices,
        packages=used.packages,
        audit=AuditAnchor(seq, head),
        findings=_findings(session, past, licensing.time.reading()),
    )


def _findings(session: Session, past: history.History, clock: ClockReading) -> tuple[str, ...]:
    """Return what was found since the last request that was answered, healed or not."""
    found = history.actions_since(session, past.anchored_seq, _FINDINGS)
    findings = {_FINDINGS[action] for action in found}
    reported = past.tampering_reported
    if reported is not None:
        findings.add("tampered")
        if reported.detail.get("kind") in ("anchor", "chain"):
            findings.add("audit_broken")
    findings |= {name for name, found in _of_the_clock(clock).items() if found}
    return tuple(sorted(findings))


def _of_the_clock(clock: ClockReading) -> dict[str, bool]:
    return {"clock_rollback": clock.rolled_back, "clock_skew": clock.skewed}


def _nonce() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(NONCE_BYTES)).rstrip(b"=").decode()
