"""Count the inventory again now and then, so that edited totals give nothing for long."""

from sentari.extensions import writing
from sentari.licensing import caps, history
from sentari.licensing.core import Licensing, reading

RECOUNT_SECONDS = 3600.0


class Recount:
    """A job of the minute that counts once an hour, and corrects only what differs."""

    def __init__(self, licensing: Licensing) -> None:
        """Count for the first time an hour from now: a start has just counted."""
        self._licensing = licensing
        self._due_at = licensing.clock.monotonic() + RECOUNT_SECONDS

    def __call__(self) -> None:
        """Count when an hour has gone by."""
        now = self._licensing.clock.monotonic()
        if now < self._due_at:
            return
        self._due_at = now + RECOUNT_SECONDS
        recount(self._licensing)


def recount(licensing: Licensing) -> None:
    """Set the totals to what is there; an audit event tells when they said something else."""
    with reading() as session:
        # Without a lock first: ten million rows are not counted while scans wait.
        if caps.usage(session) == caps.counted(session):
            return
    with writing() as session:
        before, counted = caps.correct_totals(session)
        if before != counted:
            detail = {"stored": vars(before), "counted": vars(counted)}
            history.tell(session, licensing.clock.now(), history.TOTALS_CORRECTED, detail)
