"""What Settings → License shows beside the status."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from license_token.license_key import GROUP_SIZE, GROUPS, PREFIX
from sentari.licensing import store
from sentari.licensing.causes import Cause, Explanation, explain
from sentari.licensing.core import Licensing
from sentari.licensing.identity import IdentityError, find_identity
from sentari.licensing.models import CheckInRecord, StoredKey
from sentari.licensing.state import LicenseStatus
from sentari.licensing.store import Role


@dataclass(frozen=True)
class Failure:
    """Why something did not work: the named cause, this very case, and what to do."""

    cause: str
    detail: str
    words: Explanation


@dataclass(frozen=True)
class WaitingKey:
    """A key that waits for its activation."""

    masked: str
    given_at: datetime
    failure: Failure | None


@dataclass(frozen=True)
class LastCheckIn:
    """When this server last asked, when it last got a license, and what went wrong since."""

    attempted_at: datetime | None = None
    succeeded_at: datetime | None = None
    next_at: datetime | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class LicenseDetails:
    """The facts that are for admins."""

    instance_id: str | None
    masked_key: str | None
    waiting_key: WaitingKey | None
    last_check_in: LastCheckIn
    development_trust: bool
    trusted_roots: tuple[str, ...]
    airgap: bool
    issuer: str


def read_details(session: Session, licensing: Licensing, status: LicenseStatus) -> LicenseDetails:
    """Return the details of this moment."""
    waiting = store.find_key(session, Role.PENDING)
    return LicenseDetails(
        instance_id=_instance_id(session),
        masked_key=masked(status.claims.key_hint) if status.claims else None,
        waiting_key=_waiting(waiting) if waiting else None,
        last_check_in=_last_check_in(store.check_in_record(session)),
        development_trust=licensing.trust.development,
        trusted_roots=licensing.trust.roots.kids,
        airgap=licensing.airgap,
        issuer=licensing.issuer,
    )


def masked(hint: str) -> str:
    """Return a key's masked form from its last group."""
    return "-".join([PREFIX, *["•" * GROUP_SIZE] * (GROUPS - 1), hint])


def _instance_id(session: Session) -> str | None:
    try:
        found = find_identity(session)
    except IdentityError:
        return None
    return found.instance_id if found else None


def _waiting(key: StoredKey) -> WaitingKey:
    return WaitingKey(masked(key.hint), key.given_at, _failure(key.cause, key.detail))


def _last_check_in(record: CheckInRecord | None) -> LastCheckIn:
    if record is None:
        return LastCheckIn()
    failure = _failure(record.cause, record.detail)
    return LastCheckIn(record.attempted_at, record.succeeded_at, record.next_at, failure)


def _failure(cause: str | None, detail: str | None) -> Failure | None:
    if cause not in set(Cause):
        return None
    return Failure(cause, detail or "", explain(Cause(cause)))
