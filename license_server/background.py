"""The background thread of each worker: send mails, queue notices that are due, erase old keys."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy.exc import SQLAlchemyError

from license_server.acting import erase_used_up_keys, queue_notices, send_mails
from serverkit.clock import Clock

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
NOTICES_SECONDS = 15 * 60.0
# While the mail server is at fault, for all its mails, it is asked less often.
STALLED_SECONDS = 60.0
_STOP_SECONDS = 5.0


class Background:
    """One worker's thread. All workers of all replicas may run one: each mail is taken once."""

    def __init__(
        self,
        context: Callable[[], AbstractContextManager[object]],
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        """`context` opens the app; `random` gives numbers from 0 to 1, to spread the workers."""
        self._context, self._clock, self._random = context, clock, random
        self._notices_at = self._mails_at = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mails", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Have the thread end after the mail it is at."""
        self._stopping.set()

    def stop(self) -> None:
        """End the thread after the mail it is at; at most five seconds are waited.

        A mail that takes longer is left to be tried again by others.
        """
        self.end()
        self._thread.join(_STOP_SECONDS)

    def tick(self) -> None:
        """Look once, and do what is to be done now; nothing is raised."""
        try:
            with self._context():
                self._work()
        except SQLAlchemyError as error:
            log.error("mails wait for the database: %s", str(error).splitlines()[0])
        except Exception:
            log.exception("the mails' thread met an error and goes on")

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._stopping.wait(LOOK_SECONDS * (0.8 + 0.4 * self._random()))

    def _work(self) -> None:
        now = self._clock.monotonic()
        if now >= self._notices_at:
            self._notices_at = now + NOTICES_SECONDS
            queue_notices()
            erase_used_up_keys()
        if now >= self._mails_at:
            run = send_mails(self._stopping.is_set)
            if run.stalled:
                self._mails_at = now + STALLED_SECONDS
