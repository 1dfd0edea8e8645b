"""Keep the floor of time: in the process from look to look, in the database for all of them."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from license_token.reply import ReplyClaims
from sentari.licensing import clock as rules
from sentari.licensing import clock_store, history
from sentari.licensing.clock import ClockReading, Floor
from sentari.licensing.clock_store import StoredFloor
from sentari.licensing.dates import moment
from sentari.licensing.history import History
from sentari.licensing.vault import Vault
from serverkit.audit.chain import format_time
from serverkit.clock import Clock


class Timekeeper:
    """Tell the time that the license goes by; for several threads at once."""

    def __init__(self, clock: Clock, vault: Vault) -> None:
        """Nothing is read yet."""
        self._clock, self._vault = clock, vault
        self._lock = threading.Lock()
        self._floor: Floor | None = None
        self._seen_at = 0.0
        self._edited = False

    def now(self) -> datetime:
        """Return the time that the license goes by, without looking anything up."""
        with self._lock:
            wall = self._clock.now()
            self._pass(wall)
            return max(wall, self._floor.at) if self._floor else wall

    def look(self, session: Session, past: History, claims: ReplyClaims | None) -> ClockReading:
        """Return how the clock stands; `claims` are those that were verified, if any."""
        stored = clock_store.read_floor(session, self._vault)
        self._learn(session, stored, past, claims)
        self._edited = stored.edited
        return self.reading()

    def reading(self) -> ClockReading:
        """Return how the clock stands at this moment, by what was looked up last."""
        with self._lock:
            wall = self._clock.now()
            self._pass(wall)
            floor = self._floor
        if floor is None:
            return ClockReading()
        rolled_back = rules.is_rolled_back(floor, wall)
        return ClockReading(wall - floor.at, floor.skew, rolled_back, not self._edited)

    def begin(self, session: Session, claims: ReplyClaims | None) -> None:
        """Go on at the start of a server where the one before ended."""
        self._keep(session, claims, starting=True)

    def keep(self, session: Session, claims: ReplyClaims | None) -> None:
        """Store the floor, and tell the audit log what happened to the clock."""
        self._keep(session, claims, starting=False)

    def hear(
        self, session: Session, past: History, claims: ReplyClaims, made_at: datetime | None
    ) -> bool:
        """Set the floor by a reply that is applied in this transaction.

        `made_at` is when its request was made, by this clock; None for a reply without one,
        which says only what time it was at least. Tell whether the vendor's time is known by
        it: an old request may have been answered long ago, and then a new one tells more.
        """
        stored = clock_store.read_floor(session, self._vault)
        floor, wall = self._learn(session, stored, past, None)
        if made_at is None:
            return False
        heard = rules.confirmed(floor, wall, claims.issued_at, max(wall, floor.at) - made_at)
        clock_store.write_floor(session, self._vault, heard)
        if rules.is_skewed(heard.skew) and not rules.is_skewed(floor.skew):
            detail = {**_seconds("ahead_seconds", heard.skew), "issued_at": claims.issued_at}
            history.tell(session, wall, history.CLOCK_SKEW, detail)
        return heard.at - moment(claims.issued_at) <= rules.TOLERANCE

    def _keep(self, session: Session, claims: ReplyClaims | None, *, starting: bool) -> None:
        history.lock_history(session)
        past = history.read_history(session)
        stored = clock_store.read_floor(session, self._vault)
        if stored.edited and past.recorded is not None:
            return  # What was edited stays to be seen until a fresh reply sets the time anew.
        floor, wall = self._learn(session, stored, past, claims)
        if starting:
            floor = rules.begun(floor, wall)
        if stored.floor is None and past.recorded is not None:
            history.tell(session, wall, history.CLOCK_REBUILT, _floor_detail(floor))
        else:
            _record(session, floor, wall, claims)
        clock_store.write_floor(session, self._vault, _reported(session, floor, wall))

    def _learn(
        self,
        session: Session,
        stored: StoredFloor,
        past: History,
        claims: ReplyClaims | None,
    ) -> tuple[Floor, datetime]:
        """Take in what is stored and known, and return the floor at this moment of the wall."""
        before = self._floor or _first(session, stored, past, claims, self._clock.now())
        with self._lock:
            wall = self._clock.now()
            self._pass(wall)
            floor = self._floor or before
            floor = rules.merged(floor, stored.floor) if stored.floor else floor
            if claims is not None:
                floor = rules.at_least(floor, moment(claims.issued_at))
            self._floor = rules.followed(floor, wall, rules.ZERO)
            return self._floor, wall

    def _pass(self, wall: datetime) -> None:
        ticks = self._clock.monotonic()
        if self._floor is not None:
            elapsed = timedelta(seconds=ticks - self._seen_at)
            self._floor = rules.followed(self._floor, wall, elapsed)
        self._seen_at = ticks


def _first(
    session: Session,
    stored: StoredFloor,
    past: History,
    claims: ReplyClaims | None,
    wall: datetime,
) -> Floor:
    """Return the floor that a process begins with.

    A row that verifies may be an older one that was put back, so what the log tells counts too;
    its events were written by the wall clock, and are believed as far as that would be.
    """
    recorded = clock_store.recorded_floor(session)
    believed = min(wall, stored.floor.at + rules.LARGEST_STEP) if stored.floor else wall
    known = [at for at in (recorded, clock_store.newest_event(session, believed)) if at]
    if claims is not None:
        known.append(moment(claims.issued_at))
    newest = max(known, default=wall)
    if stored.floor is not None:
        return rules.at_least(stored.floor, newest)
    if past.recorded is None or claims is None:
        return Floor(newest)
    base = max(moment(claims.issued_at), recorded or moment(claims.issued_at))
    return rules.rebuilt(newest, base, claims.terms.max_offline_days)


def _record(session: Session, floor: Floor, wall: datetime, claims: ReplyClaims | None) -> None:
    """Tell the log how far the floor has come, so that a deleted row can be made again."""
    if claims is None:
        return
    issued_at = moment(claims.issued_at)
    base = max(issued_at, clock_store.recorded_floor(session) or issued_at)
    if rules.is_worth_recording(floor, base, issued_at, claims.terms.max_offline_days):
        history.tell(session, wall, history.CLOCK_FLOOR, _floor_detail(floor))


def _reported(session: Session, floor: Floor, wall: datetime) -> Floor:
    """Tell the log once that the clock was turned back, until it is right again."""
    if rules.is_rolled_back(floor, wall) and not floor.rolled_back:
        detail = _floor_detail(floor) | _seconds("behind_seconds", floor.at - wall)
        history.tell(session, wall, history.CLOCK_ROLLBACK, detail)
        return replace(floor, rolled_back=True)
    if floor.rolled_back and rules.has_caught_up(floor, wall):
        return replace(floor, rolled_back=False)
    return floor


def _floor_detail(floor: Floor) -> dict[str, str | int]:
    return {"floor": format_time(floor.at)}


def _seconds(name: str, span: timedelta | None) -> dict[str, str | int]:
    return {name: round((span or rules.ZERO).total_seconds())}
