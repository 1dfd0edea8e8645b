"""What the audit log remembers of the license: the memory that an edited table cannot change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sentari.audit.models import AuditEvent, AuditHead
from sentari.audit.store import audit_log, record
from sentari.licensing.acceptance import Standing
from sentari.licensing.state import Entered, State
from sentari.licensing.tamper import Recorded

INSTALLED = "LICENSE_INSTALLED"
REPLY_APPLIED = "LICENSE_REPLY_APPLIED"
REMOVED = "LICENSE_REMOVED"
STATE_CHANGED = "LICENSE_STATE_CHANGED"
TAMPER_DETECTED = "LICENSE_TAMPER_DETECTED"
TAMPER_CLEARED = "LICENSE_TAMPER_CLEARED"
WARNING = "LICENSE_WARNING"
WARNING_ENDED = "LICENSE_WARNING_ENDED"
CHECK_IN_FAILED = "LICENSE_CHECK_IN_FAILED"
CHECK_IN_RECOVERED = "LICENSE_CHECK_IN_RECOVERED"
KEY_GIVEN = "LICENSE_KEY_GIVEN"
KEY_DISCARDED = "LICENSE_KEY_DISCARDED"
REPLY_REFUSED = "LICENSE_REPLY_REFUSED"
TOTALS_CORRECTED = "USAGE_TOTALS_CORRECTED"
CLOCK_ROLLBACK = "CLOCK_ROLLBACK_DETECTED"
CLOCK_SKEW = "CLOCK_SKEW_DETECTED"
CLOCK_FLOOR = "CLOCK_FLOOR_RECORDED"
CLOCK_REBUILT = "CLOCK_FLOOR_REBUILT"
CHAIN_BROKEN = "AUDIT_CHAIN_BROKEN"
CHAIN_HOLDS = "AUDIT_CHAIN_RESTORED"

_APPLIED = (INSTALLED, REPLY_APPLIED)


@dataclass(frozen=True)
class Event:
    """One remembered event."""

    seq: int
    at: datetime
    action: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """The newest events of each kind, as of log entry `head_seq`.

    `end_seq` is the last entry that is there, and no other one unless somebody wrote or cut by
    hand.
    """

    head_seq: int = 0
    end_seq: int = 0
    license: Event | None = None
    state: Event | None = None
    tampering: Event | None = None
    walk: Event | None = None
    warning: Event | None = None

    @property
    def recorded(self) -> Recorded | None:
        """Return the reply in force, or None when there is none or it was removed."""
        event = self.license
        if event is None or event.action == REMOVED:
            return None
        detail = event.detail
        return Recorded(
            str(detail.get("license_id")), str(detail.get("jti")), _number(detail.get("seq"))
        )

    @property
    def standing(self) -> Standing | None:
        """Return what a new reply of the same license has to be newer than."""
        recorded = self.recorded
        if recorded is None or self.license is None:
            return None
        issued_at = _number(self.license.detail.get("issued_at"))
        return Standing(recorded.license_id, recorded.seq, issued_at)

    @property
    def anchored_seq(self) -> int:
        """Return the log's head at the request that was answered last, 0 before any."""
        return _number(self.license.detail.get("audit_seq", 0)) if self.license else 0

    @property
    def removed_at(self) -> datetime | None:
        """Return when an admin removed the license, if that is the last thing that happened."""
        removed = self.license is not None and self.license.action == REMOVED
        return self.license.at if removed and self.license else None

    @property
    def entered(self) -> Entered | None:
        """Return the last change of state."""
        if self.state is None or self.state.detail.get("to") not in set(State):
            return None
        return Entered(State(self.state.detail["to"]), self.state.at)

    @property
    def tampering_reported(self) -> Event | None:
        """Return the report of tampering that was not cleared since."""
        event = self.tampering
        return event if event is not None and event.action == TAMPER_DETECTED else None

    @property
    def crossed(self) -> dict[str, int]:
        """Return the thresholds that are crossed as far as the log tells, by the warning's code."""
        crossed = self.warning.detail.get("crossed") if self.warning else None
        if not isinstance(crossed, dict):
            return {}
        return {code: step for code, step in crossed.items() if isinstance(step, int)}

    @property
    def log_problem(self) -> str | None:
        """Return what is wrong with the log's end, or what the last walk over it found broken.

        The latter only if no reply was applied since.
        """
        if self.end_seq != self.head_seq:
            # An entry that somebody put far ahead would be newer than all that is written now.
            # Told without numbers: each telling moves the head, and must not be news again.
            return "it does not end with the entry that was written last"
        walk, license_seq = self.walk, self.license.seq if self.license else 0
        if walk is None or walk.action != CHAIN_BROKEN or walk.seq < license_seq:
            return None
        return str(walk.detail.get("problem"))


def read_history(session: Session, before: History | None = None) -> History:
    """Return what the log remembers; `before` saves reading again what was read already."""
    head_seq, end_seq = audit_log.head(session)[0], audit_log.last_seq(session)
    if before is None or head_seq < before.head_seq or end_seq != head_seq:
        before = History()
    elif (head_seq, end_seq) == (before.head_seq, before.end_seq):
        return before

    def newest(actions: Iterable[str], known: Event | None) -> Event | None:
        return newest_after(session, actions, before.head_seq) or known

    return History(
        head_seq,
        end_seq,
        newest((*_APPLIED, REMOVED), before.license),
        newest((STATE_CHANGED,), before.state),
        newest((TAMPER_DETECTED, TAMPER_CLEARED), before.tampering),
        newest((CHAIN_BROKEN, CHAIN_HOLDS), before.walk),
        newest((WARNING, WARNING_ENDED), before.warning),
    )


def lock_history(session: Session) -> None:
    """Wait for other writers of the log, so that what is read next stays the newest."""
    session.execute(select(AuditHead.seq).where(AuditHead.id == 1).with_for_update())


def tell(
    session: Session,
    at: datetime,
    action: str,
    detail: Mapping[str, Any],
    *,
    actor: str = "system",
) -> None:
    """Write an event; its target is the license it is about, if it names one."""
    target = str(detail.get("license_id", "license"))
    record(session, at=at, actor=actor, action=action, target=target, detail=detail)


def applied_before(session: Session, jti: str) -> bool:
    """Tell whether this very reply was applied once."""
    return _any_applied(session, AuditEvent.detail.contains(f'"jti":"{jti}"', autoescape=True))


def bound_before(session: Session, license_id: str) -> bool:
    """Tell whether a reply made for this very server was once applied for the license."""
    bound = AuditEvent.detail.contains('"presigned":false', autoescape=True)
    return _any_applied(session, AuditEvent.target == license_id, bound)


def last_bound(session: Session, license_id: str, instance_id: str) -> Standing | None:
    """Return the last reply for a license that this very server had, removed since or not."""
    query = (
        select(AuditEvent)
        .where(
            AuditEvent.action.in_(_APPLIED),
            AuditEvent.target == license_id,
            AuditEvent.detail.contains('"presigned":false', autoescape=True),
            AuditEvent.detail.contains(f'"instance_id":"{instance_id}"', autoescape=True),
        )
        .order_by(AuditEvent.seq.desc())
        .limit(1)
    )
    found = session.scalars(query).first()
    if found is None:
        return None
    detail = found.details()
    return Standing(license_id, _number(detail.get("seq")), _number(detail.get("issued_at")))


def fresh_seq(session: Session) -> int:
    """Return the entry of the newest reply that answered a request of this server, else 0."""
    query = select(AuditEvent.seq).where(
        AuditEvent.action.in_(list(_APPLIED)), AuditEvent.detail.contains('"presigned":false')
    )
    return session.scalar(query.order_by(AuditEvent.seq.desc()).limit(1)) or 0


def actions_since(session: Session, seq: int, actions: Iterable[str]) -> set[str]:
    """Return which of the actions happened after entry `seq`."""
    query = select(AuditEvent.action).where(
        AuditEvent.action.in_(list(actions)), AuditEvent.seq > seq
    )
    return set(session.scalars(query.distinct()))


def newest_after(session: Session, actions: Iterable[str], after: int) -> Event | None:
    """Return the newest event with one of the actions behind entry `after`."""
    return _first(session, actions, after, AuditEvent.seq.desc())


def oldest_after(session: Session, actions: Iterable[str], after: int) -> Event | None:
    """Return the first event with one of the actions behind entry `after`."""
    return _first(session, actions, after, AuditEvent.seq.asc())


def _first(session: Session, actions: Iterable[str], after: int, order: Any) -> Event | None:
    query = (
        select(AuditEvent)
        .where(AuditEvent.action.in_(list(actions)), AuditEvent.seq > after)
        .order_by(order)
        .limit(1)
    )
    found = session.scalars(query).first()
    if found is None:
        return None
    return Event(found.seq, found.occurred_at, found.action, found.details())


def _any_applied(session: Session, *conditions: Any) -> bool:
    query = select(AuditEvent.seq).where(AuditEvent.action.in_(_APPLIED), *conditions).limit(1)
    return session.scalar(query) is not None


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
