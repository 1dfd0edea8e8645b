"""Read and write the floor's row, and read what the audit log knows of the time."""

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from sentari.audit.models import AuditEvent
from sentari.licensing import history
from sentari.licensing.clock import Floor
from sentari.licensing.models import ROW, ClockRow
from sentari.licensing.vault import Purpose, Vault

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Signed dates end there; what lies later was not written by this server.
_LAST = datetime(9000, 1, 1, tzinfo=UTC)
_TOLD = (history.CLOCK_FLOOR, history.CLOCK_REBUILT)


@dataclass(frozen=True)
class StoredFloor:
    """The row: `floor` is None when there is none, or when it was `edited`."""

    floor: Floor | None
    edited: bool = False


def read_floor(session: Session, vault: Vault) -> StoredFloor:
    """Return what is stored, whatever somebody wrote into it."""
    # SQLite lets any value into any column, and the driver fails on text that is not UTF-8.
    sqlite = session.get_bind().dialect.name == "sqlite"
    names = "CAST(state AS BLOB), CAST(mac AS BLOB)" if sqlite else "state, mac"
    row = session.execute(text(f"SELECT {names} FROM license_clock WHERE id = {ROW}")).first()  # noqa: S608 - names of our own
    if row is None:
        return StoredFloor(None)
    state, mac = (_bytes(value) for value in row)
    if not hmac.compare_digest(vault.mac(Purpose.CLOCK, state).encode(), mac):
        return StoredFloor(None, edited=True)
    return StoredFloor(_floor(json.loads(state)))


def sign_floor_anew(session: Session, old: Vault, new: Vault) -> None:
    """Let a floor that was not edited verify under another secret key; an edited one stays so."""
    stored = read_floor(session, old)
    if stored.floor is not None:
        write_floor(session, new, stored.floor)


def write_floor(session: Session, vault: Vault, floor: Floor) -> None:
    """Store the floor in place of what is there; the audit log's head is locked by then."""
    state = json.dumps(_state(floor), sort_keys=True)
    mac = vault.mac(Purpose.CLOCK, state.encode())
    session.execute(delete(ClockRow))
    session.execute(ClockRow.__table__.insert().values(id=ROW, state=state, mac=mac))


def recorded_floor(session: Session) -> datetime | None:
    """Return what the audit log was told last of the floor, since the last fresh reply."""
    return _moment_told(history.newest_after(session, _TOLD, history.fresh_seq(session)))


def floor_told_after(session: Session, seq: int) -> datetime | None:
    """Return what the audit log was told first of the floor behind entry `seq`."""
    return _moment_told(history.oldest_after(session, _TOLD, seq))


def _moment_told(event: history.Event | None) -> datetime | None:
    if event is None:
        return None
    try:
        told = datetime.fromisoformat(str(event.detail.get("floor")))
    except ValueError:
        return None
    return told if told.tzinfo and told < _LAST else None


def newest_event(session: Session, wall: datetime) -> datetime | None:
    """Return the time of the newest event since the last fresh reply that is not ahead of now.

    What came before that reply may have been written by a clock that it set right.
    """
    query = (
        select(AuditEvent.occurred_at)
        .where(AuditEvent.occurred_at <= wall, AuditEvent.seq > history.fresh_seq(session))
        .order_by(AuditEvent.occurred_at.desc())
        .limit(1)
    )
    return session.scalar(query)


def _state(floor: Floor) -> dict[str, int | None]:
    return {
        "at": (floor.at - _EPOCH) // _MICROSECOND,
        "resets": floor.resets,
        "skew": _count(floor.skew),
        "lead": _count(floor.lead),
        "lead_for": _count(floor.lead_for),
        "rolled_back": int(floor.rolled_back),
    }


def _floor(state: dict[str, Any]) -> Floor:
    return Floor(
        at=_EPOCH + state["at"] * _MICROSECOND,
        resets=state["resets"],
        skew=_span(state["skew"]),
        lead=_span(state["lead"]),
        lead_for=state["lead_for"] * _MICROSECOND,
        rolled_back=bool(state["rolled_back"]),
    )


def _count(span: timedelta | None) -> int | None:
    return None if span is None else span // _MICROSECOND


def _span(count: int | None) -> timedelta | None:
    return None if count is None else count * _MICROSECOND


def _bytes(value: str | bytes | None) -> bytes:
    return value if isinstance(value, bytes) else (value or "").encode()
