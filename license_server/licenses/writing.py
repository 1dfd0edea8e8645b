"""What the acts on licenses are made of. Never commits."""

import secrets
import uuid
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from license_server import rules
from license_server.audit import record
from license_server.customers.models import Customer
from license_server.licenses import store
from license_server.licenses.models import IssuedKey, License, TermsVersion
from license_server.outbox import messages
from license_server.outbox import service as outbox
from license_server.outbox.models import KEY_MAIL
from license_token.encoding import encode_base64url
from license_token.license_key import LicenseKey


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


def new_jti() -> str:
    """Return 16 random bytes in base64url."""
    return encode_base64url(secrets.token_bytes(16))


def add_license(
    session: Session,
    customer: Customer,
    status: rules.Status,
    *,
    issued_version: int | None,
    reason: str,
    act: Act,
) -> License:
    """Add a license without terms or key; `issued_version` is the first that is issued, if any."""
    row = License(
        id=str(uuid.uuid4()),
        customer=customer,
        status=status.value,
        status_reason=reason,
        status_changed_at=act.at,
        status_changed_by=act.actor,
        issued_version=issued_version,
        created_at=act.at,
        created_by=act.actor,
    )
    session.add(row)
    session.flush()
    return row


def set_status(row: License, status: rules.Status, *, reason: str, act: Act) -> None:
    """Give the license a status that the rules allow, with who, when and why."""
    row.status, row.status_reason = status.value, reason
    row.status_changed_at, row.status_changed_by = act.at, act.actor


def add_version(
    session: Session, row: License, terms: rules.Terms, number: int, *, reason: str, act: Act
) -> TermsVersion:
    """Add a version of the terms, in which the customer's name and address are copied."""
    version = TermsVersion(
        license_id=row.id,
        version=number,
        customer_name=row.customer.name,
        customer_email=row.customer.email,
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


def issue_key(
    session: Session, row: License, version: TermsVersion, *, replaces: bool, act: Act
) -> LicenseKey:
    """Make the license's key and queue the mail with it, which waits until terms are granted."""
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


def version_detail(version: TermsVersion) -> dict[str, Any]:
    """Return what the audit log keeps of a version."""
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


def note(session: Session, act: Act, action: str, license_id: str, **detail: Any) -> None:
    """Write into the audit log what was done to the license."""
    target = f"license:{license_id}"
    record(session, at=act.at, actor=act.actor, action=action, target=target, detail=detail)
