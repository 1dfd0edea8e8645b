"""The license as data: the one form in which API and command line tell it."""

from datetime import datetime
from typing import Any

from license_token.reply import Reply
from sentari.licensing.dates import moment
from sentari.licensing.details import Failure, LicenseDetails
from sentari.licensing.ledger import LogVerdict
from sentari.licensing.state import Change, LicenseStatus
from sentari.licensing.warnings import LicenseWarning, visible_to, warnings


def public_report(status: LicenseStatus) -> dict[str, Any]:
    """Return what anybody may know: the state and its dates, and nobody's name."""
    facts, terms = status.facts, status.terms
    return {
        "state": status.state.value,
        "gate": status.gate.value,
        "reason": status.reason,
        "tier": terms.tier if terms else None,
        "expires_at": terms.expires_at.isoformat() if terms else None,
        "days_until_expiry": status.days_until_expiry,
        "grace_days_left": status.grace_days_left,
        "read_only_days_left": status.read_only_days_left,
        "max_offline_days": status.max_offline_days,
        "offline_days_used": status.offline_days_used,
        "offline_days_left": status.offline_days_left,
        "offline_deadline": timestamp(status.offline_deadline),
        "last_check_in_at": timestamp(facts.last_check_in_at),
        "last_check_in_error": facts.last_check_in_error,
        "next_change": _change(status.next_change),
    }


def admin_report(status: LicenseStatus, details: LicenseDetails) -> dict[str, Any]:
    """Return what admins may know besides."""
    claims, terms, waiting = status.claims, status.terms, details.waiting_key
    limits = status.limits
    return public_report(status) | {
        "since": timestamp(status.since),
        "customer_name": terms.customer_name if terms else None,
        "customer_email": terms.customer_email if terms else None,
        "license_id": claims.license_id if claims else None,
        "key_hint": claims.key_hint if claims else None,
        "max_devices": limits.devices if claims else None,
        "max_packages": limits.packages if claims else None,
        "usage": {"devices": status.usage.devices, "packages": status.usage.packages},
        "instance_id": details.instance_id,
        "activation_pending": waiting is not None,
        "pending_key_hint": waiting.masked[-5:] if waiting else None,
        "last_check_in_succeeded_at": timestamp(details.last_check_in.succeeded_at),
        "last_check_in_detail": _failure(details.last_check_in.failure),
        "development_trust_root": details.development_trust,
        "airgap": details.airgap,
        "warnings": [_warning(found) for found in visible_to(warnings(status), admin=True)],
    }


def log_report(verdict: LogVerdict) -> dict[str, Any]:
    """Return what a walk over the audit log found, and what the vendor has confirmed of it."""
    chain, anchor = verdict.chain, verdict.anchor
    return {
        "intact": verdict.intact,
        "checked": chain.checked,
        "seq": chain.seq,
        "head": chain.head,
        "broken_seq": verdict.broken_seq,
        "problem": verdict.problem,
        "anchor_seq": anchor.seq if anchor else None,
        "anchor_intact": verdict.anchor_holds if anchor else None,
    }


def timestamp(at: datetime | None) -> str | None:
    """Return a moment as RFC 3339 in UTC, to the second."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None


def _change(change: Change | None) -> dict[str, str | None] | None:
    if change is None:
        return None
    return {"at": timestamp(change.at), "to": change.to.value, "why": change.why}


def _failure(failure: Failure | None) -> str | None:
    return f"{failure.detail} {failure.words.advice}" if failure else None


def _warning(found: LicenseWarning) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity.value,
        "threshold": found.threshold,
        "text": found.text,
    }


def inspection_report(reply: Reply) -> dict[str, Any]:
    """Return what a verified reply says, whether it fits this server or not."""
    claims, certificate = reply.claims, reply.certificate
    return {
        "verified": True,
        "issuer": claims.issuer,
        "license_id": claims.license_id,
        "instance_id": None if claims.presigned else claims.audience,
        "presigned": claims.presigned,
        "issued_at": timestamp(moment(claims.issued_at)),
        "seq": claims.seq,
        "key_hint": claims.key_hint,
        **claims.terms.to_claims(),
        "signing_key": reply.kid,
        "certificate_valid_from": timestamp(moment(certificate.not_before)),
        "certificate_valid_until": timestamp(moment(certificate.expires)),
    }
