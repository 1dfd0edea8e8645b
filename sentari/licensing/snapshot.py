"""What the gate reads: the license's status, held in the process and at most a second old.

Nothing here raises. An error while looking is no verdict: what was found last is evaluated at
the present time, and with nothing found yet the server is unlicensed.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy.orm import Session

from sentari.licensing import history
from sentari.licensing.crossings import Crossings, crossings
from sentari.licensing.observation import Observation, Observer
from sentari.licensing.state import Facts, LicenseStatus, State, evaluate
from sentari.licensing.timekeeper import Timekeeper
from serverkit.clock import Clock
from serverkit.database_faults import told

log = logging.getLogger(__name__)

MAX_AGE_SECONDS = 1.0
# A log that cannot be written now would be waited for by every request of the next second.
SILENCE_SECONDS = 30.0

OpenSession = Callable[[], AbstractContextManager[Session]]


class Snapshot:
    """Keep one status per process, and tell the audit log what changed."""

    def __init__(
        self,
        observer: Observer,
        clock: Clock,
        time: Timekeeper,
        *,
        reading: OpenSession,
        writing: OpenSession,
    ) -> None:
        """`reading` opens a transaction that sees one moment of the database."""
        self._observer, self._clock, self._time = observer, clock, time
        self._reading, self._writing = reading, writing
        self._looking, self._reporting = threading.Lock(), threading.Lock()
        self._found: Observation | None = None
        self._status: LicenseStatus | None = None
        self._looked_at = self._silent_until = float("-inf")

    def status(self, max_age_seconds: float = MAX_AGE_SECONDS) -> LicenseStatus:
        """Return the status, looked up again when it is older than `max_age_seconds`."""
        if self._stale(max_age_seconds):
            with self._looking:
                if self._stale(max_age_seconds):
                    self._look()
            self._report()
        return self.latest()

    def refresh(self) -> LicenseStatus:
        """Return the status of this very moment."""
        with self._looking:
            self._look()
        self._report()
        return self.latest()

    def latest(self) -> LicenseStatus:
        """Return what was found last, without looking: for places that must touch nothing."""
        return self._status or evaluate(None, Facts(), self._time.now())

    @property
    def kid(self) -> str | None:
        """Return the signing key of the license that was found last."""
        return self._found.kid if self._found else None

    def _stale(self, max_age_seconds: float) -> bool:
        return self._clock.monotonic() - self._looked_at >= max_age_seconds

    def _look(self) -> None:
        now = self._clock.now()
        try:
            with self._reading() as session:
                self._found = self._observer.observe(session, now)
        except Exception as error:  # noqa: BLE001 - a gate has to be open or closed, not broken
            log.error(
                "the license could not be looked up; the last verdict stays in force",
                **told(error),
            )
        self._looked_at = self._clock.monotonic()
        self._status = self._evaluate(self._found)

    def _evaluate(self, found: Observation | None) -> LicenseStatus:
        # Asked after the look, which may have learnt that it is later than the wall clock says.
        now = self._time.now()
        if found is None:
            return evaluate(None, Facts(), now)
        return evaluate(found.claims, found.facts, now)

    def _report(self) -> None:
        """Write what changed into the audit log, once for all workers together."""
        if self._found is None or not self._news(self._found, self.latest()):
            return
        if self._clock.monotonic() < self._silent_until:
            return
        if not self._reporting.acquire(blocking=False):
            return  # Another thread is at it.
        try:
            with self._writing() as session:
                self._write(session)
        except Exception as error:  # noqa: BLE001 - as above
            self._silent_until = self._clock.monotonic() + SILENCE_SECONDS
            log.error(
                "a change of the license could not be written to the audit log", **told(error)
            )
        finally:
            self._reporting.release()

    def _news(self, found: Observation, status: LicenseStatus) -> bool:
        entered = found.history.entered
        changed = status.state != (entered.state if entered else State.UNLICENSED)
        return found.unreported or changed or bool(crossings(found.history.crossed, status))

    def _write(self, session: Session) -> None:
        # Looked up again under the lock: what was seen may be another worker's half-way, or
        # another worker's report may be there already.
        history.lock_history(session)
        now = self._clock.now()
        with self._looking:
            found = self._observer.observe(session, now)
        status = self._evaluate(found)
        if found.unreported:
            _report_tampering(session, found, now)
        entered = found.history.entered
        before = entered.state if entered else State.UNLICENSED
        if status.state != before:
            history.tell(
                session,
                now,
                history.STATE_CHANGED,
                {"from": before.value, "to": status.state.value, "reason": status.reason},
            )
        _report_crossings(session, crossings(found.history.crossed, status), now)


def _report_crossings(session: Session, found: Crossings, now: datetime) -> None:
    if found.eased:
        detail = {"codes": list(found.eased), "crossed": found.crossed}
        history.tell(session, now, history.WARNING_ENDED, detail)
    for warning in found.begun:
        told = {"code": warning.code, "threshold": warning.threshold, "text": warning.text}
        history.tell(session, now, history.WARNING, told | {"crossed": found.crossed})


def _report_tampering(session: Session, found: Observation, now: datetime) -> None:
    if found.tampering is None:
        history.tell(session, now, history.TAMPER_CLEARED, {})
        return
    detail = {
        "kind": found.tampering.kind.value,
        "reason": found.tampering.sentence,
        "columns": [vars(difference) for difference in found.tampering.differences],
        "fingerprint": found.tampering.fingerprint,
    }
    log.error("the license was tampered with: %s", found.tampering.sentence)
    history.tell(session, now, history.TAMPER_DETECTED, detail)
