"""What to do when the database came back from a backup: number replies past those that are lost.

Customers' servers refuse a reply whose number is not above the one they hold, so a database that
is a day old would lock out everybody who checks in hourly. Callers commit.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from license_server.activations.models import Activation, Restoration
from license_server.audit import record
from license_server.rules import check_reason


def note_restoration(session: Session, *, reason: str, at: datetime, actor: str) -> int:
    """Number all replies past what may be lost; return how many activations there are."""
    reason = check_reason(reason)
    session.add(Restoration(noted_at=at))
    number = _number_at(at)
    session.execute(update(Activation).where(Activation.seq < number).values(seq=number))
    count = session.scalar(select(func.count(Activation.id))) or 0
    detail = {"reason": reason, "activations": count, "seq": number}
    record(session, at=at, actor=actor, action="DATABASE_RESTORED", detail=detail)
    return count


def first_number(session: Session) -> int:
    """Return the number of an activation's first reply.

    An activation may be among what was lost, and its server hold a number already.
    """
    noted_at = session.scalar(select(func.max(Restoration.noted_at)))
    return 1 if noted_at is None else _number_at(noted_at) + 1


def _number_at(at: datetime) -> int:
    """Return a number that no reply before `at` had, however often backups were restored.

    Seconds since 1970: replies are numbered from 1 or from an earlier such moment, and ten a
    minute at most cannot keep up with the seconds.
    """
    return int(at.timestamp())
