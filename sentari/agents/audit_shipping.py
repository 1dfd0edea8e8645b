"""Take in a batch of an agent's log: verify it against what came before, and keep all of it.

A broken chain is kept and told of, never refused: it is evidence. Callers commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from sentari.agents.audit_chain import (
    Finding,
    Kind,
    LogEntry,
    Problem,
    Seen,
    Witness,
    begins_anew,
    verify,
)
from sentari.agents.audit_models import AgentLog, AgentLogEntry
from sentari.agents.identity import Caller
from sentari.agents.models import Enrollment
from sentari.audit.store import record
from sentari.inventory.ingestion import UnknownDeviceError
from sentari.inventory.models import Device
from sentari.inventory.text import storable

BROKEN = "AGENT_AUDIT_BROKEN"
MOST_EVENTS = 10
MOST_AUDITED = 1_000
MOST_TOLD = 100
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch; `kinds` are those of the problems that were not known before."""

    received: int
    stored: int
    anomalies: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the answer that the agent gets."""
        return {
            "received": self.received,
            "stored": self.stored,
            "verified_ok": not self.anomalies,
            "anomalies": list(self.anomalies),
        }


def prepare(batch: Iterable[LogEntry]) -> None:
    """Hash a batch before the write begins: the entries remember their hashes."""
    for entry in batch:
        _ = entry.own_hash, entry.digest


def ship(session: Session, caller: Caller, batch: Sequence[LogEntry], *, now: datetime) -> Receipt:
    """Verify and keep a batch; UnknownDeviceError when the device is gone.

    Entries that came before are not stored twice, and what is wrong with them is told again but
    audited once.
    """
    if not batch:
        return Receipt(0, 0, ())
    enrollment = _locked_enrollment(session, caller.device_id)
    log, restarted = _log_for(session, caller.uid, batch, enrollment, now)
    findings = verify(batch, _witness(session, log, batch), restarted=restarted)
    new = [finding for finding in findings if not finding.known]
    _store(session, log, new, now)
    problems = [problem for finding in new for problem in finding.problems]
    if problems:
        _audit(session, log, problems, now)
    kinds = tuple(problem.kind for problem in problems)
    return Receipt(len(batch), len(new), _told(findings), kinds)


def _locked_enrollment(session: Session, device_id: int) -> int:
    """Lock the device, so that its batches come one after the other; return its enrollment."""
    query = select(Device.id).where(Device.id == device_id).with_for_update()
    if session.scalar(query) is None:
        raise UnknownDeviceError
    newest = select(func.max(Enrollment.id)).where(Enrollment.device_id == device_id)
    # Devices that enrolled before enrollments were written down have none.
    return session.scalar(newest) or 0


def _log_for(
    session: Session, device_uid: str, batch: Sequence[LogEntry], enrollment: int, now: datetime
) -> tuple[AgentLog, bool]:
    """Return the chain that a batch belongs to, and whether it was begun without the right to."""
    query = select(AgentLog).where(AgentLog.device_uid == device_uid)
    log = session.scalars(query.order_by(AgentLog.number.desc()).limit(1)).one_or_none()
    if log is None:
        return _begin(session, device_uid, 1, enrollment, now), False
    starts = min(entry.entry_id for entry in batch) == 1
    if starts and enrollment > log.enrollment:
        return _begin(session, device_uid, log.number + 1, enrollment, now), False
    if starts and begins_anew(batch, _witness(session, log, batch)):
        return _begin(session, device_uid, log.number + 1, enrollment, now), True
    log.enrollment = max(enrollment, log.enrollment)
    return log, False


def _begin(
    session: Session, device_uid: str, number: int, enrollment: int, now: datetime
) -> AgentLog:
    log = AgentLog(
        device_uid=device_uid,
        number=number,
        enrollment=enrollment,
        began_at=now,
        shipped_at=now,
        last_entry_id=0,
        entries=0,
        broken=0,
    )
    session.add(log)
    session.flush()
    return log


def _witness(session: Session, log: AgentLog, batch: Iterable[LogEntry]) -> Witness:
    numbers = Witness.asks_for(batch, log.last_entry_id)
    entry = AgentLogEntry
    columns = (entry.entry_id, entry.digest, entry.content_hash, entry.problems)
    seen: dict[int, tuple[Seen, ...]] = {}
    for start in range(0, len(numbers), _CHUNK):
        chunk = entry.entry_id.in_(numbers[start : start + _CHUNK])
        query = select(*columns).where(entry.log_id == log.id, chunk).order_by(entry.id)
        for number, digest, content_hash, problems in session.execute(query):
            was = Seen(bytes(digest), content_hash, problems)
            seen[number] = (*seen.get(number, ()), was)
    return Witness(log.last_entry_id, seen)


def _store(session: Session, log: AgentLog, new: Sequence[Finding], now: datetime) -> None:
    if new:
        session.execute(insert(AgentLogEntry), [_row(log, finding, now) for finding in new])
    broken = sum(1 for finding in new if finding.problems)
    log.shipped_at = now
    log.entries += len(new)
    log.last_entry_id = max([log.last_entry_id, *(each.entry.entry_id for each in new)])
    log.broken += broken
    if broken and log.broken_at is None:
        log.broken_at = now
    session.flush()


def _row(log: AgentLog, finding: Finding, now: datetime) -> dict[str, object]:
    entry = finding.entry
    return {
        "log_id": log.id,
        "entry_id": entry.entry_id,
        "digest": entry.digest,
        "event_type": storable(entry.event_type),
        "detail": storable(entry.detail),
        "content_hash": entry.content_hash,
        "prev_hash": entry.prev_hash,
        "created_at": storable(entry.created_at),
        "hash_version": entry.hash_version,
        "received_at": now,
        "problems": " ".join(problem.sentence for problem in finding.problems),
    }


def _audit(session: Session, log: AgentLog, problems: Sequence[Problem], now: datetime) -> None:
    """Write down each new problem; of a flood only the first ones and how many more came.

    Nobody fills the server's own log by way of a device: its anomalies are stored and counted, but
    past a number no longer written there.
    """
    query = select(func.sum(AgentLog.broken)).where(AgentLog.device_uid == log.device_uid)
    room = MOST_AUDITED - (session.scalar(query) or 0) + len(problems)
    told = problems[: max(0, min(MOST_EVENTS, room))]
    for place, problem in enumerate(told, 1):
        detail: dict[str, object] = {
            "log": log.number,
            "entry_id": problem.entry_id,
            "kind": problem.kind.value,
            "expected": problem.expected,
            "found": problem.found,
        }
        if place == len(told) and len(problems) > len(told):
            detail["more"] = len(problems) - len(told)
        record(
            session, at=now, actor=f"device:{log.device_uid}", action=BROKEN,
            target=log.device_uid, detail=detail,
        )  # fmt: skip


def _told(findings: Iterable[Finding]) -> tuple[str, ...]:
    told: list[str] = []
    for finding in findings:
        told.extend(problem.sentence for problem in finding.problems)
        if finding.again:
            told.append(finding.again)
    if len(told) <= MOST_TOLD:
        return tuple(told)
    return (*told[:MOST_TOLD], f"And {len(told) - MOST_TOLD:,} more.")
