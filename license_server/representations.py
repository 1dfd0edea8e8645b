"""How things look as JSON, in the machine interface and on the command line."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from license_server.activations import store as activations
from license_server.activations.models import Activation, ActivationFlag, CheckIn
from license_server.customers.models import Customer
from license_server.licenses import store as licenses
from license_server.licenses.models import License, TermsVersion
from license_server.rules import approval_reasons


def moment(at: datetime | None) -> str | None:
    """Return RFC 3339 in UTC to the second."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def customer(row: Customer) -> dict[str, Any]:
    """Return a customer."""
    return {
        "id": row.id,
        "name": row.name,
        "email": row.email,
        "notes": row.notes,
        "created_at": moment(row.created_at),
        "created_by": row.created_by,
    }


def license_summary(session: Session, row: License) -> dict[str, Any]:
    """Return a license with its newest terms, flat under their own names."""
    latest = licenses.latest_version(session, row.id)
    granted = licenses.granted_version(session, row.id)
    return {
        "id": row.id,
        "customer_id": row.customer_id,
        "status": row.status,
        "status_reason": row.status_reason,
        "status_changed_at": moment(row.status_changed_at),
        "approval": licenses.approval_state(latest),
        "approval_reasons": list(approval_reasons(latest.terms, today=latest.starts_on)),
        "key_hint": licenses.key_hint(session, row.id),
        **_terms(latest),
        "version": latest.version,
        "granted_version": None if granted is None else granted.version,
        "created_at": moment(row.created_at),
        "created_by": row.created_by,
    }


def license_detail(session: Session, row: License) -> dict[str, Any]:
    """Return a license with all its versions of terms and all its activations."""
    return {
        **license_summary(session, row),
        "customer": {"id": row.customer.id, "name": row.customer.name, "email": row.customer.email},
        "versions": [_version(version) for version in licenses.versions(session, row.id)],
        "activations": activation_list(session, activations.of_license(session, row.id)),
    }


def activation_list(session: Session, rows: Sequence[Activation]) -> list[dict[str, Any]]:
    """Return activations with their open flags."""
    flags = activations.open_flags(session, [row.id for row in rows])
    return [_activation(row, flags.get(row.id, [])) for row in rows]


def activation_detail(session: Session, row: Activation) -> dict[str, Any]:
    """Return an activation with its newest check-ins and all its flags."""
    [shown] = activation_list(session, [row])
    return {
        **shown,
        "license_id": row.license_id,
        "check_ins": [_check_in(item) for item in activations.history(session, row.id)],
        "flag_history": [_flag(item) for item in activations.flags_of(session, row.id)],
    }


def _check_in(row: CheckIn) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "received_at": moment(row.received_at),
        "jti": row.reply_jti,
        "previous": row.previous,
        "status": row.status,
        "server_version": row.server_version,
        "usage": {"devices": row.devices, "packages": row.packages},
        "audit": {"seq": row.audit_seq, "head": row.audit_head},
        "flags": row.marks.split(),
    }


def _flag(row: ActivationFlag) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "first_seen_at": moment(row.first_seen_at),
        "last_seen_at": moment(row.last_seen_at),
        "times": row.times,
        "resolved_at": moment(row.resolved_at),
        "resolved_by": row.resolved_by,
        "resolution": row.resolution,
    }


def _activation(row: Activation, flags: list[str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "instance_id": row.instance_id,
        "thumbprint": row.thumbprint,
        "first_check_in_at": moment(row.first_check_in_at),
        "last_check_in_at": moment(row.last_check_in_at),
        "server_version": row.server_version,
        "usage": {"devices": row.devices, "packages": row.packages},
        "audit": {"seq": row.audit_seq, "head": row.audit_head},
        "seq": row.seq,
        "flags": flags,
        "released_at": moment(row.released_at),
        "release_reason": row.release_reason,
    }


def _version(row: TermsVersion) -> dict[str, Any]:
    approval = row.approval
    return {
        "version": row.version,
        **_terms(row),
        "reason": row.reason,
        "created_at": moment(row.created_at),
        "created_by": row.created_by,
        "approval": licenses.approval_state(row),
        "approved_at": moment(approval.approved_at) if approval else None,
        "approved_by": approval.approved_by if approval else None,
    }


def _terms(row: TermsVersion) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(row.terms).items()
    }
