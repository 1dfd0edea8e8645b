"""What staff do to licenses. Every function takes the caller's write transaction; none commits."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from license_server import rules
from license_server.audit import record
from license_server.customers.models import Customer
from license_server.errors import ConflictError, InvalidError, Violation
from license_server.licenses import store
from license_server.licenses.models import (
    IssuedKey,
    License,
    PresignedReply,
    TermsApproval,
    TermsVersion,
)
from license_server.outbox import messages
from license_server.outbox import service as outbox
from license_server.outbox.models import EXPIRY_NOTICE, KEY_MAIL, KINDS, NOTICES
from license_token.encoding import encode_base64url
from license_token.license_key import LicenseKey
from license_token.reply import ANY_INSTANCE, ReplyClaims


@dataclass(frozen=True)
class Act:
    """Who does something and when; `mail_key` seals the mails that follow from it."""

    actor: str
    at: datetime
    mail_key: bytes = field(repr=False)

    @property
    def today(self) -> date:
        """Return the UTC date."""
        return self.at.date()


@dataclass(frozen=True)
class Issued:
    """A license with its key in clear: the only moment in which there is one."""

    license: License
    key: LicenseKey


def issue(
    session: Session, customer: Customer, terms: rules.Terms, *, reason: str, act: Act
) -> Issued:
    """Make a license with its first terms and its key, and queue the mail with the key.

    The mail of a license that waits for approval waits with it.
    """
    reason = rules.check_reason(reason)
    rules.check_terms(terms, today=act.today)
    row = License(
        id=str(uuid.uuid4()),
        customer_id=customer.id,
        status=rules.Status.ACTIVE.value,
        status_reason=reason,
        status_changed_at=act.at,
        status_changed_by=act.actor,
        created_at=act.at,
        created_by=act.actor,
    )
    session.add(row)
    session.flush()
    version = _add_version(session, row, customer, terms, 1, reason, act)
    key = _issue_key(session, row, version, act, replaces=False)
    _record(session, act, "LICENSE_ISSUED", row.id, key_hint=key.hint, **_version_detail(version))
    return Issued(row, key)


def change_terms(
    session: Session, license_id: str, changes: Mapping[str, Any], *, reason: str, act: Act
) -> TermsVersion:
    """Write the next version of the terms: the newest one with `changes`."""
    reason = rules.check_reason(reason)
    row = store.locked_license(session, license_id)
    rules.next_status(rules.Action.CHANGE_TERMS, rules.Status(row.status))
    latest = store.latest_version(session, license_id)
    terms = store.changed_terms(latest.terms, changes)
    if terms == latest.terms:
        detail = "this changes nothing: give at least one term that differs"
        raise InvalidError((Violation("", detail),))
    rules.check_terms(terms, today=act.today)
    before = store.granted_version(session, license_id)
    version = _add_version(session, row, row.customer, terms, latest.version + 1, reason, act)
    _let_mails_follow(session, license_id, before, act)
    _record(session, act, "LICENSE_TERMS_CHANGED", row.id, **_version_detail(version))
    return version


def approve(session: Session, license_id: str, *, act: Act) -> TermsVersion:
    """Approve the newest version of the terms, as a second person."""
    row = store.locked_license(session, license_id)
    rules.next_status(rules.Action.APPROVE, rules.Status(row.status))
    version = store.latest_version(session, license_id)
    if store.approval_state(version) != "pending":
        raise ConflictError("nothing waits for approval here", code="nothing_to_approve")
    rules.check_second_person(created_by=version.created_by, approver=act.actor)
    before = store.granted_version(session, license_id)
    session.add(
        TermsApproval(
            terms_version_id=version.id,
            created_by=version.created_by,
            approved_by=act.actor,
            approved_at=act.at,
        )
    )
    session.flush()
    session.refresh(version)
    _let_mails_follow(session, license_id, before, act)
    _record(session, act, "LICENSE_APPROVED", row.id, version=version.version)
    return version


def _let_mails_follow(
    session: Session, license_id: str, before: TermsVersion | None, act: Act
) -> None:
    """Let held mails go once terms are granted; drop reminders of a date that is no longer so."""
    granted = store.granted_version(session, license_id)
    if granted is None:
        return
    outbox.release(session, license_id, at=act.at)
    if before is not None and before.expires_at != granted.expires_at:
        outbox.cancel(session, license_id, [EXPIRY_NOTICE])


_STATUS_EVENTS = {
    rules.Action.SUSPEND: "LICENSE_SUSPENDED",
    rules.Action.REINSTATE: "LICENSE_REINSTATED",
    rules.Action.REVOKE: "LICENSE_REVOKED",
}


def change_status(
    session: Session, license_id: str, action: rules.Action, *, reason: str, act: Act
) -> License:
    """Suspend, reinstate or revoke; servers learn it at their next check-in."""
    reason = rules.check_reason(reason)
    row = store.locked_license(session, license_id)
    status = rules.next_status(action, rules.Status(row.status))
    row.status, row.status_reason = status.value, reason
    row.status_changed_at, row.status_changed_by = act.at, act.actor
    if status is rules.Status.REVOKED:
        outbox.cancel(session, license_id, KINDS)
    elif status is rules.Status.SUSPENDED:
        outbox.cancel(session, license_id, NOTICES)
    _record(session, act, _STATUS_EVENTS[action], row.id, reason=reason)
    return row


def rekey(session: Session, license_id: str, *, reason: str, act: Act) -> Issued:
    """Replace the key: the old one is unknown from now on, activations stay as they are."""
    reason = rules.check_reason(reason)
    row = store.locked_license(session, license_id)
    rules.next_status(rules.Action.REKEY, rules.Status(row.status))
    old = store.current_key(session, license_id)
    old.replaced_at = act.at
    session.flush()
    outbox.cancel(session, license_id, [KEY_MAIL])
    version = store.latest_version(session, license_id)
    key = _issue_key(session, row, version, act, replaces=True)
    hints = {"key_hint": key.hint, "replaced_hint": old.hint}
    _record(session, act, "LICENSE_REKEYED", row.id, reason=reason, **hints)
    return Issued(row, key)


def presign(session: Session, license_id: str, *, issuer_url: str, act: Act) -> ReplyClaims:
    """Return the claims of a reply that any one air-gapped server may start with."""
    row = store.locked_license(session, license_id)
    rules.next_status(rules.Action.PRESIGN, rules.Status(row.status))
    version = store.granted_version(session, license_id)
    if version is None:
        raise ConflictError("the license waits for approval", code="approval_pending")
    if not version.airgap:
        detail = "only a license of the air-gap tier can be signed in advance"
        raise ConflictError(detail, code="not_airgap")
    jti = new_jti()
    session.add(
        PresignedReply(
            jti=jti,
            license_id=row.id,
            terms_version_id=version.id,
            issued_at=act.at,
            issued_by=act.actor,
        )
    )
    _record(session, act, "PRESIGNED_REPLY_ISSUED", row.id, jti=jti, version=version.version)
    return ReplyClaims(
        issuer=issuer_url,
        license_id=row.id,
        audience=ANY_INSTANCE,
        issued_at=int(act.at.timestamp()),
        jti=jti,
        nonce=None,
        seq=0,
        confirmation=None,
        audit=None,
        key_hint=store.current_key(session, license_id).hint,
        terms=store.signed_terms(version, row.status),
    )


def new_jti() -> str:
    """Return 16 random bytes in base64url."""
    return encode_base64url(secrets.token_bytes(16))


def _add_version(
    session: Session,
    row: License,
    customer: Customer,
    terms: rules.Terms,
    number: int,
    reason: str,
    act: Act,
) -> TermsVersion:
    version = TermsVersion(
        license_id=row.id,
        version=number,
        customer_name=customer.name,
        customer_email=customer.email,
        **asdict(terms),
        starts_on=act.today,
        term_days=rules.term_days(terms, today=act.today),
        approval_required=bool(rules.approval_reasons(terms, today=act.today)),
        reason=reason,
        created_at=act.at,
        created_by=act.actor,
    )
    session.add(version)
    session.flush()
    return version


def _issue_key(
    session: Session, row: License, version: TermsVersion, act: Act, *, replaces: bool
) -> LicenseKey:
    key = LicenseKey.generate()
    session.add(
        IssuedKey(
            license_id=row.id,
            key_hash=key.key_hash,
            hint=key.hint,
            issued_at=act.at,
            issued_by=act.actor,
        )
    )
    letter = messages.key_mail(
        customer_name=version.customer_name,
        license_key=key.text,
        tier=version.tier,
        expires_at=version.expires_at,
        replaces=replaces,
    )
    held = store.granted_version(session, row.id) is None
    draft = outbox.Draft(KEY_MAIL, row.id, version.customer_email, letter)
    outbox.queue(session, draft, held=held, key=act.mail_key, at=act.at)
    return key


def _version_detail(version: TermsVersion) -> dict[str, Any]:
    terms = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(version.terms).items()
    }
    approval = store.approval_state(version)
    return {
        "version": version.version,
        "terms": terms,
        "approval": approval,
        "reason": version.reason,
    }


def _record(session: Session, act: Act, action: str, license_id: str, **detail: Any) -> None:
    target = f"license:{license_id}"
    record(session, at=act.at, actor=act.actor, action=action, target=target, detail=detail)
