"""Leases: who may do what only one may do at a time, among all workers of all replicas.

Time is the wall clock of whoever looks, so replicas need clocks that agree within seconds; when
they do not, two may hold a lease at once, which costs a check-in more and nothing else.
"""

import os
import platform
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, text, update
from sqlalchemy.orm import Session

from sentari.licensing.models import Lease

_SEED = text("INSERT INTO license_lease (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")
_LONGEST_HOST = 60


def new_holder() -> str:
    """Return a name that no other holder has, and that tells an operator who it is."""
    return f"{platform.node()[:_LONGEST_HOST]}/{os.getpid()}/{secrets.token_hex(6)}"


@dataclass(frozen=True)
class Claim:
    """One holder's claim to a lease; it lasts `seconds` unless it is renewed or released."""

    name: str
    holder: str
    seconds: int

    def take(self, session: Session, now: datetime) -> bool:
        """Take the lease if it is free, or renew it; tell whether it is ours now."""
        if self._claim(session, now):
            return True
        if session.get(Lease, self.name, populate_existing=True) is not None:
            return False
        session.execute(_SEED, {"name": self.name})
        return self._claim(session, now)

    def release(self, session: Session) -> None:
        """Leave the lease to others at once, if it is still ours."""
        ours = (Lease.name == self.name, Lease.holder == self.holder)
        session.execute(update(Lease).where(*ours).values(holder=None, expires_at=None))

    def held(self, session: Session, now: datetime) -> bool:
        """Tell whether the lease is ours and has not run out."""
        found = session.get(Lease, self.name, populate_existing=True)
        return found is not None and found.holder == self.holder and not self._lapsed(found, now)

    def free(self, session: Session, now: datetime) -> bool:
        """Tell whether `take` would probably get the lease; it may be another's by then."""
        found = session.get(Lease, self.name, populate_existing=True)
        return found is None or found.holder is None or self._lapsed(found, now)

    def holding(self, session: Session, now: datetime) -> tuple[str, datetime] | None:
        """Return who holds the lease and until when, None when nobody does."""
        found = session.get(Lease, self.name, populate_existing=True)
        if found is None or found.holder is None or found.expires_at is None:
            return None
        return None if self._lapsed(found, now) else (found.holder, found.expires_at)

    def _claim(self, session: Session, now: datetime) -> bool:
        until = now + timedelta(seconds=self.seconds)
        takeable = or_(
            Lease.holder.is_(None),
            Lease.holder == self.holder,
            Lease.expires_at <= now,
            Lease.expires_at > self._latest(now),
        )
        claimed = session.execute(
            update(Lease)
            .where(Lease.name == self.name, takeable)
            .values(holder=self.holder, expires_at=until)
            .execution_options(synchronize_session=False)
        )
        return bool(claimed.rowcount == 1)  # type: ignore[attr-defined]

    def _lapsed(self, lease: Lease, now: datetime) -> bool:
        at = lease.expires_at
        return at is None or at <= now or at > self._latest(now)

    def _latest(self, now: datetime) -> datetime:
        """Return when any claim has ended, unless the clock was turned back since it was made.

        Twice as long as one lasts: the holder may have looked at its clock a moment later, or
        have one that is a little ahead.
        """
        return now + timedelta(seconds=2 * self.seconds)
