"""Prepare a license, look at it, then issue or discard it. Callers commit."""

from sqlalchemy.orm import Session

from license_server import rules
from license_server.customers.models import Customer
from license_server.errors import ConflictError
from license_server.licenses import store
from license_server.licenses.models import License
from license_server.licenses.writing import (
    Act,
    Issued,
    add_license,
    add_version,
    issue_key,
    note,
    set_status,
    version_detail,
)


def prepare(
    session: Session, customer: Customer, terms: rules.Terms, *, reason: str, act: Act
) -> License:
    """Make a draft: a license with terms and without a key."""
    reason = rules.check_reason(reason)
    rules.check_terms(terms, today=act.today)
    row = add_license(
        session, customer, rules.Status.DRAFT, issued_version=None, reason=reason, act=act
    )
    version = add_version(session, row, terms, 1, reason=reason, act=act)
    note(session, act, "LICENSE_DRAFTED", row.id, **version_detail(version))
    return row


def issue_draft(
    session: Session, license_id: str, *, reason: str, act: Act, seen: int | None = None
) -> Issued:
    """Make the draft's key, and queue the mail with it.

    `seen` is the number of the version that somebody looked at.
    """
    reason = rules.check_reason(reason)
    row = store.locked_license(session, license_id)
    status = rules.next_status(rules.Action.ISSUE, rules.Status(row.status))
    version = store.latest_version(session, license_id)
    rules.check_seen(version.version, seen)
    if not store.names_its_customer(version, row.customer):
        detail = (
            "the customer's name or e-mail was changed since these terms were written:"
            " edit the draft, so that it takes them over"
        )
        raise ConflictError(detail, code="customer_changed")
    set_status(row, status, reason=reason, act=act)
    row.issued_version = version.version
    session.flush()
    key = issue_key(session, row, version, replaces=False, act=act)
    # The reason of the act, not the one that the terms were written for.
    written = {**version_detail(version), "reason": reason}
    note(session, act, "LICENSE_ISSUED", row.id, key_hint=key.hint, **written)
    return Issued(row, key)


def discard(session: Session, license_id: str, *, reason: str, act: Act) -> License:
    """Give a draft up for ever."""
    reason = rules.check_reason(reason)
    row = store.locked_license(session, license_id)
    status = rules.next_status(rules.Action.DISCARD, rules.Status(row.status))
    set_status(row, status, reason=reason, act=act)
    note(session, act, "LICENSE_DISCARDED", row.id, reason=reason)
    return row
