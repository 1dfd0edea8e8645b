"""The background thread of a server: check in when it is due, and do what every minute wants.

Every worker of every replica runs one; only the holder of the lease acts.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sentari.extensions import writing
from sentari.licensing import exchange
from sentari.licensing.answer import CheckInError
from sentari.licensing.core import Licensing, reading
from sentari.licensing.lease import Claim, new_holder
from sentari.licensing.refusals import BusyError, LicensingRefusedError
from serverkit.database_faults import first_line, told

log = logging.getLogger(__name__)

# With the next look of another this makes less than two minutes after the holder's last sign.
LEASE_SECONDS = 110
LOOK_SECONDS = 5.0
MINUTE_SECONDS = 60.0
_STOP_SECONDS = 2.0
_NAME = "scheduler"

Job = Callable[[], object]


def holder_at(session: Session, now: datetime) -> tuple[str, datetime] | None:
    """Return which worker acts for all servers, and until when it does; None while there is none.

    Every server has one within seconds of its start, whatever its license mode.
    """
    return Claim(_NAME, "", LEASE_SECONDS).holding(session, now)


class Scheduler:
    """One worker's thread."""

    def __init__(
        self,
        licensing: Licensing,
        context: Callable[[], AbstractContextManager[object]],
        *,
        minute_jobs: Iterable[Job] = (),
        look_jobs: Iterable[Job] = (),
    ) -> None:
        """`context` opens the app; the jobs run in it, on the lease holder only.

        Those of the minute run once a minute, the others with every look.
        """
        self._licensing, self._context = licensing, context
        self._claim = Claim(_NAME, new_holder(), LEASE_SECONDS)
        self._minute_jobs: list[Job] = [self._renew, *minute_jobs]
        self._look_jobs: list[Job] = [*look_jobs]
        self._minute_at = self._quiet_until = float("-inf")
        self._errors = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Have the thread end and leave the lease to others, as soon as it can."""
        self._stopping.set()

    def stop(self) -> None:
        """End the thread and leave the lease to others; takes four seconds at most."""
        self.end()
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            # It still waits for the vendor or the database; the process ends without it.
            release = threading.Thread(target=self._release, daemon=True)
            release.start()
            release.join(_STOP_SECONDS)

    def tick(self) -> None:
        """Look once, and do what is to be done now; nothing is raised."""
        try:
            with self._context():
                if self._holds():
                    self._work()
        except SQLAlchemyError as error:
            log.error("the scheduler could not use the database: %s", first_line(error))
        except Exception:
            log.exception("the scheduler met an error and goes on")

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._stopping.wait(LOOK_SECONDS)
        self._release()

    def _holds(self) -> bool:
        """Tell whether this worker holds the lease, taken now if it was free."""
        now = self._licensing.clock.now()
        with reading() as session:
            if self._claim.held(session, now):
                return True
            if not self._claim.free(session, now):
                return False
        with writing() as session:
            taken = self._claim.take(session, now)
        if taken:
            log.info("this worker checks in for all from now on (%s)", self._claim.holder)
            self._minute_at = float("-inf")
        return taken

    def _work(self) -> None:
        now = self._licensing.clock.monotonic()
        if now >= self._minute_at + MINUTE_SECONDS:
            self._minute_at = now
            for job in self._minute_jobs:
                self._do(job)
        for job in self._look_jobs:
            self._do(job)
        if now >= self._quiet_until and exchange.is_check_in_due(self._licensing):
            self._check_in()

    def _do(self, job: Job) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - one job must not keep the others from theirs
            log.error("a job failed; the others go on", **told(error))

    def _renew(self) -> None:
        with writing() as session:
            self._claim.take(session, self._licensing.clock.now())

    def _check_in(self) -> None:
        try:
            exchange.check_in_if_due(self._licensing)
            self._errors = 0
        except BusyError:
            pass  # Somebody is at it; when that is over, the next look tells what is due.
        except CheckInError as error:
            self._errors = 0
            log.warning("the check-in changed nothing: %s", error)
        except LicensingRefusedError as error:
            self._keep_quiet()
            log.error("no check-in is possible: %s", error)
        except Exception:
            self._keep_quiet()
            raise

    def _keep_quiet(self) -> None:
        """Put off what could not be written down, so that the vendor is not asked in a loop."""
        self._errors += 1
        clock, schedule = self._licensing.clock, self._licensing.schedule
        now = clock.now()
        wait = schedule.after_failure(now, self._errors, None) - now
        self._quiet_until = clock.monotonic() + wait.total_seconds()

    def _release(self) -> None:
        try:
            with self._context(), writing() as session:
                self._claim.release(session)
        except SQLAlchemyError as error:
            log.error("the lease could not be released: %s", first_line(error))
