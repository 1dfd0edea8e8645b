"""Walk a long audit log in steps that a page takes one by one.

Where a walk has come to is sealed into the address of its next step: a step that was made up, or
made long ago, begins anew, so that no link leads to a verdict about a part of the log only.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from serverkit.audit.chain import Verdict
from serverkit.audit.store import AuditStore
from serverkit.secrets import SealError, derive_key, seal, unseal

STEP_ENTRIES = 5_000
_GOOD_FOR = timedelta(minutes=10)
_PURPOSE = "audit-walk"


@dataclass(frozen=True)
class Walk:
    """Where a walk has come to; `next_step` is None once it is over."""

    verdict: Verdict
    began_at: datetime
    total: int
    next_step: str | None


def take_step(
    session: Session,
    store: AuditStore,
    step: str,
    *,
    secret_key: str,
    now: datetime,
    entries: int = STEP_ENTRIES,
) -> Walk:
    """Walk on from a step, or from the beginning."""
    key = derive_key(secret_key, _PURPOSE)
    verdict, began_at = _opened(key, step, now) or (Verdict.at_the_beginning(), now)
    verdict, finished = store.verify_part(session, verdict, entries)
    following = None if finished else _sealed(key, verdict, began_at, now)
    return Walk(verdict, began_at, store.head(session)[0], following)


def _sealed(key: bytes, verdict: Verdict, began_at: datetime, now: datetime) -> str:
    come_to = [verdict.checked, verdict.seq, verdict.head, began_at.timestamp(), now.timestamp()]
    return seal(key, json.dumps(come_to).encode())


def _opened(key: bytes, step: str, now: datetime) -> tuple[Verdict, datetime] | None:
    try:
        checked, seq, head, began, made = json.loads(unseal(key, step))
    except SealError:
        return None
    made_at = datetime.fromtimestamp(made, UTC)
    if abs(now - made_at) >= _GOOD_FOR:  # Several servers, whose clocks differ, may take turns.
        return None
    return Verdict(checked, seq, head), datetime.fromtimestamp(began, UTC)
