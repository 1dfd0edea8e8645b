"""Take turns at calling the vendor: one call at a time, whoever makes it and wherever."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from sentari.extensions import writing
from sentari.licensing.core import Licensing, reading
from sentari.licensing.lease import Claim, new_holder
from sentari.licensing.refusals import busy
from serverkit.database_faults import told

log = logging.getLogger(__name__)

# A call has 15 seconds; the rest is for the database.
TURN_SECONDS = 25
# Longer than a turn, so that a caller that was killed keeps nobody from theirs.
PATIENCE_SECONDS = 30
LOOK_SECONDS = 0.25
_NAME = "check-in"


@dataclass(frozen=True)
class Turn:
    """The right to make one call; `waited` tells whether another's call had to end first."""

    claim: Claim
    waited: bool

    def renew(self, now: datetime) -> None:
        """Make time for one more call."""
        with writing() as session:
            self.claim.take(session, now)


@contextmanager
def turn(licensing: Licensing, *, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Turn]:
    """Hold the right to call the vendor.

    Raise BusyError when the wait is longer than `patience_seconds`. No transaction is open
    while it is held.
    """
    claim = Claim(_NAME, new_holder(), TURN_SECONDS)
    waited = _wait(licensing, claim, patience_seconds)
    try:
        yield Turn(claim, waited)
    finally:
        _release(claim)


def _wait(licensing: Licensing, claim: Claim, patience_seconds: float) -> bool:
    deadline = licensing.clock.monotonic() + patience_seconds
    waited = False
    while not _take(licensing, claim):
        if licensing.clock.monotonic() >= deadline:
            raise busy()
        waited = True
        licensing.pause(LOOK_SECONDS)
    return waited


def _take(licensing: Licensing, claim: Claim) -> bool:
    now = licensing.clock.now()
    with reading() as session:
        if not claim.free(session, now):
            return False
    with writing() as session:
        return claim.take(session, now)


def _release(claim: Claim) -> None:
    try:
        with writing() as session:
            claim.release(session)
    except SQLAlchemyError as error:
        # What the turn was for is done or has failed for its own reason; the lease runs out.
        log.error("the turn to check in could not be released", **told(error))
