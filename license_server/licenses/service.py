"""What staff do to licenses. Every function takes the caller's write transaction; none commits."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from license_server import rules
from license_server.customers.models import Customer
from license_server.errors import ConflictError, InvalidError, Violation
from license_server.licenses import store
from license_server.licenses.models import License, PresignedReply, TermsApproval, TermsVersion
from license_server.licenses.writing import (
    Act,
    Issued,
    add_license,
    add_version,
    issue_key,
    new_jti,
    note,
    set_status,
    version_detail,
)
from license_server.outbox import service as outbox
from license_server.outbox.models import EXPIRY_NOTICE, KEY_MAIL, KINDS, NOTICES
from license_token.reply import ANY_INSTANCE, ReplyClaims


def issue(
    session: Session, customer: Customer, terms: rules.Terms, *, reason: str, act: Act
) -> Issued:
    """Make a license with its first terms and its key, and queue the mail with the key.

    The mail of a license that waits for approval waits with it.
    """
    reason = rules.check_reason(reason)
    rules.check_terms(terms, today=act.today)
    row = add_license(
        session, customer, rules.Status.ACTIVE, issued_version=1, reason=reason, act=act
    )
    version = add_version(session, row, terms, 1, reason=reason, act=act)
    key = issue_key(session, row, version, replaces=False, act=act)
    note(session, act, "LICENSE_ISSUED", row.id, key_hint=key.hint, **version_detail(version))
    return Issued(row, key)


def change_terms(
    session: Session,
    license_id: str,
    changes: Mapping[str, Any],
    *,
    reason: str,
    act: Act,
    seen: int | None = None,
) -> TermsVersion:
    """Write the next version of the terms: the newest one with `changes`.

    `seen` is the number of the version that the changes were made to, when somebody looked at it.
    """
    row = store.locked_license(session, license_id)
    latest = store.latest_version(session, license_id)
    rules.check_seen(latest.version, seen)
    terms = store.changed_terms(latest.terms, changes)
    reason = check_change(row, latest, terms, reason, today=act.today)
    before = store.granted_version(session, license_id)
    version = add_version(session, row, terms, latest.version + 1, reason=reason, act=act)
    _let_mails_follow(session, license_id, before, act)
    note(session, act, "LICENSE_TERMS_CHANGED", row.id, **version_detail(version))
    return version


def check_change(
    row: License, latest: TermsVersion, terms: rules.Terms, reason: str, *, today: date
) -> str:
    """Return the reason as it is stored; raise what stands in the way of these new terms."""
    reason = rules.check_reason(reason)
    rules.next_status(rules.Action.CHANGE_TERMS, rules.Status(row.status))
    if terms == latest.terms and store.names_its_customer(latest, row.customer):
        detail = "this changes nothing: give at least one term that differs"
        raise InvalidError((Violation("", detail),))
    rules.check_terms(terms, today=today)
    return reason


def approve(
    session: Session, license_id: str, *, act: Act, seen: int | None = None, remark: str = ""
) -> TermsVersion:
    """Approve the newest version of the terms, as a second person.

    `seen` is the number of the version that the person looked at, `remark` what they say to it.
    """
    remark = rules.check_reason(remark) if remark.strip() else ""
    row = store.locked_license(session, license_id)
    rules.next_status(rules.Action.APPROVE, rules.Status(row.status))
    version = store.latest_version(session, license_id)
    rules.check_seen(version.version, seen)
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
    said = {"reason": remark} if remark else {}
    note(session, act, "LICENSE_APPROVED", row.id, version=version.version, **said)
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
    set_status(row, status, reason=reason, act=act)
    if status is rules.Status.REVOKED:
        outbox.cancel(session, license_id, KINDS)
    elif status is rules.Status.SUSPENDED:
        outbox.cancel(session, license_id, NOTICES)
    note(session, act, _STATUS_EVENTS[action], row.id, reason=reason)
    return row


def rekey(
    session: Session, license_id: str, *, reason: str, act: Act, seen: int | None = None
) -> Issued:
    """Replace the key: the old one is unknown from now on, activations stay as they are.

    `seen` is the id of the key that is to be replaced, when somebody looked at it.
    """
    reason = rules.check_reason(reason)
    row = store.locked_license(session, license_id)
    rules.next_status(rules.Action.REKEY, rules.Status(row.status))
    old = store.current_key(session, license_id)
    rules.check_seen(old.id, seen)
    # Another server's clock may be some seconds ahead of this one's.
    old.replaced_at = max(act.at, old.issued_at)
    session.flush()
    outbox.cancel(session, license_id, [KEY_MAIL])
    version = store.latest_version(session, license_id)
    key = issue_key(session, row, version, replaces=True, act=act)
    hints = {"key_hint": key.hint, "replaced_hint": old.hint}
    note(session, act, "LICENSE_REKEYED", row.id, reason=reason, **hints)
    return Issued(row, key)


def presign(
    session: Session,
    license_id: str,
    *,
    issuer_url: str,
    act: Act,
    seen: int | None = None,
    remark: str = "",
) -> ReplyClaims:
    """Return the claims of a reply that any one air-gapped server may start with.

    `seen` is how many there were when somebody looked, `remark` what this one is for.
    """
    remark = rules.check_reason(remark) if remark.strip() else ""
    row = store.locked_license(session, license_id)
    rules.check_seen(len(store.presigned_replies(session, license_id)), seen)
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
    said = {"reason": remark} if remark else {}
    note(session, act, "PRESIGNED_REPLY_ISSUED", row.id, jti=jti, version=version.version, **said)
    return _presigned(session, row, version, jti, issuer_url=issuer_url, act=act)


def _presigned(
    session: Session, row: License, version: TermsVersion, jti: str, *, issuer_url: str, act: Act
) -> ReplyClaims:
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
        key_hint=store.current_key(session, row.id).hint,
        terms=store.signed_terms(version, row.status),
    )
